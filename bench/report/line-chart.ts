import { decades, inShort, paper, place, quote } from './paper.ts'
import type { Kind } from './range-chart.ts'

/** How something grows. */
export interface Line {
  readonly name: string
  readonly kind: Kind
  readonly points: readonly (readonly [x: number, y: number])[]
}

const width = 760
const height = 320
const left = 80
const right = 190
const top = 50
const bottom = height - 50

/** Draws lines on two logarithmic scales. */
export function lineChart(title: string, x: string, y: string, lines: readonly Line[]): string {
  const all = lines.flatMap(({ points }) => points)
  const across = scale(all.map(([x]) => x))
  const up = scale(all.map(([, y]) => y))
  const at = ([x, y]: readonly [number, number]) =>
    `${place(x, ...across, left, width - right)} ${place(y, ...up, bottom, top)}`
  const drawing = [
    ...decades(...across).map(tick => {
      const place = at([tick, up[0]]).split(' ')[0]
      return `<path class="grid" d="M${place} ${top}V${bottom}"/><text class="tick" x="${place}" y="${bottom + 16}">${inShort(tick)}</text>`
    }),
    ...decades(...up).map(tick => {
      const place = Number(at([across[0], tick]).split(' ')[1])
      return `<path class="grid" d="M${left} ${place}H${width - right}"/><text class="side" x="${left - 6}" y="${place + 4}">${inShort(tick)}</text>`
    }),
    ...lines.map(({ name, kind, points }) => drawLine(name, kind, points.map(at))),
    `<text class="tick" x="${(left + width - right) / 2}" y="${height - 12}">${quote(x)}</text>`,
    `<text x="16" y="${top - 8}">${quote(y)}</text>`,
  ]
  return paper(title, width, height, drawing.join('\n'))
}

function drawLine(name: string, kind: Kind, places: readonly string[]): string {
  const [x, y] = (places.at(-1) ?? '0 0').split(' ').map(Number)
  return `<path class="line ${kind}" d="M${places.join('L')}"/><text class="${kind}" x="${(x ?? 0) + 6}" y="${(y ?? 0) + 4}">${quote(name)}</text>`
}

/** Whole powers of ten around the values. */
function scale(values: readonly number[]): [number, number] {
  const low = Math.floor(Math.log10(Math.min(...values)) + 1e-9)
  const high = Math.ceil(Math.log10(Math.max(...values)) - 1e-9)
  return [10 ** low, 10 ** Math.max(high, low + 1)]
}
