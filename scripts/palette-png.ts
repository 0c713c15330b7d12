import { crc32, deflateSync } from 'node:zlib'

/** Four bytes for each pixel: red, green, blue, and how opaque it is. */
export interface Pixels {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array
}

/** As many colours as one byte can tell apart. */
const most = 256

/** Colours further apart are two, as the square of a distance: some four steps of 256 in each part. */
const tellable = 50

/** A PNG of at most 256 colours, in which a pixel of another colour gets the nearest. Pages have few colours beside the edges of their letters. */
export function withPalette({ width, height, data }: Pixels): Buffer {
  const colours = new Uint32Array(width * height)
  for (const at of colours.keys())
    colours[at] = ((data[at * 4] ?? 0) << 16) | ((data[at * 4 + 1] ?? 0) << 8) | (data[at * 4 + 2] ?? 0)
  const palette = frequent(colours)
  const nearest = new Map(palette.map((colour, index) => [colour, index]))
  const rows = Buffer.alloc(height * (width + 1))
  for (const [at, colour] of colours.entries()) {
    let index = nearest.get(colour)
    if (index === undefined) {
      index = nearestIn(palette, colour)
      nearest.set(colour, index)
    }
    // Each row begins with its filter: none.
    rows[at + Math.floor(at / width) + 1] = index
  }
  const head = Buffer.alloc(13)
  head.writeUInt32BE(width, 0)
  head.writeUInt32BE(height, 4)
  head.set([8, 3], 8) // eight bits each, of a palette
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', head),
    chunk('PLTE', Buffer.from(palette.flatMap(partsOf))),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

/** The most frequent ones, but none that is hardly another than one before it: shades of grey would leave no room for a colour that is rare. */
function frequent(colours: Uint32Array): number[] {
  const counts = new Map<number, number>()
  for (const colour of colours) counts.set(colour, (counts.get(colour) ?? 0) + 1)
  const palette: number[] = []
  for (const [colour] of [...counts].sort(([, one], [, other]) => other - one)) {
    const parts = partsOf(colour)
    if (palette.every(other => distance(partsOf(other), parts) > tellable)) palette.push(colour)
    if (palette.length === most) break
  }
  return palette
}

function nearestIn(palette: number[], colour: number): number {
  const distances = palette.map(other => distance(partsOf(other), partsOf(colour)))
  return distances.indexOf(Math.min(...distances))
}

function distance(one: number[], other: number[]): number {
  return one.reduce((sum, part, at) => sum + (part - (other[at] ?? 0)) ** 2, 0)
}

function partsOf(colour: number): number[] {
  return [colour >> 16, (colour >> 8) & 255, colour & 255]
}

/** Length, type, content and checksum (PNG specification, 5.3). */
function chunk(type: string, content: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), content])
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(content.length)
  sum.writeUInt32BE(crc32(named))
  return Buffer.concat([length, named, sum])
}
