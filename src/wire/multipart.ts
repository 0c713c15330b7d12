/**
 * Reads a multipart body (RFC 2046, 5.1) as it comes. A part is handed over piece by piece, so that an event stream may be inside
 * one. Lenient as browsers were: LF alone ends a line too, and a boundary that begins with `--` may stand as it is.
 */
export interface Multipart {
  /** What this piece of the body brings. Pieces may be cut anywhere. */
  feed(chunk: Uint8Array): Piece[]
  /** The header of a part was larger than 16 KiB. Nothing more will be handed over. */
  readonly overflowed: boolean
}

export type Piece =
  /** A part begins. `header` finds one by its name in lower case. */
  | { type: 'part'; header(name: string): string | null }
  | { type: 'body'; bytes: Uint8Array }
  /** The part is whole: what its Content-Length says has come, or the next boundary. One that is cut off has no end. */
  | { type: 'end' }

/** The boundary that a Content-Type of multipart names; nothing if it is none. */
export function boundaryOf(type: string | null): string | undefined {
  const [, quoted, token] = /^multipart\/.*;\s*boundary=(?:"([^"]+)"|([^\s";,]+))/i.exec(type ?? '') ?? []
  return quoted ?? token
}

export const largestHeader = 16_384

export function createMultipart(boundary: string): Multipart {
  // "The boundary delimiter MUST occur at the beginning of a line, i.e., following a CRLF, and the initial CRLF is considered
  // to be attached to the boundary delimiter line rather than part of the preceding part."
  let delimiters = [`\n--${boundary}`]
  if (boundary.startsWith('--')) delimiters.push(`\n${boundary}`)
  let state: 'preamble' | 'delimiter' | 'header' | 'body' | 'counted' | 'epilogue' = 'preamble'
  // What has come and cannot be told yet, one character a byte. What comes first is at the beginning of a line.
  let held = '\n'
  // How much of it only stands for that.
  let lead = 1
  let left = 0
  let header = new Map<string, string>()
  let size = 0
  let overflowed = false

  return {
    feed(chunk) {
      const pieces: Piece[] = []
      if (overflowed) return pieces
      held += toBinary(chunk)
      while (step(pieces));
      return pieces
    },
    get overflowed() {
      return overflowed
    },
  }

  /** Takes from what is held what can be told, and says whether there may be more. */
  function step(pieces: Piece[]): boolean {
    switch (state) {
      case 'preamble':
      case 'body':
        return readBody(pieces)
      case 'delimiter':
        return readDelimiter()
      case 'header':
        return readHeader(pieces)
      case 'counted':
        return readCounted(pieces)
      case 'epilogue':
        held = ''
        return false
    }
  }

  /** Up to the next boundary; before the first part this is for nobody. */
  function readBody(pieces: Piece[]): boolean {
    const [at, found] = earliest(held, delimiters)
    const stop = found ? at : undecided(held, delimiters)
    const before = held[stop - 1] === '\r' && held[stop] === '\n' ? stop - 1 : stop
    if (state === 'body') say(pieces, held.slice(lead, before))
    lead = Math.max(lead - before, 0)
    if (!found) {
      held = held.slice(before)
      return false
    }
    held = held.slice(at + found.length)
    delimiters = [found]
    if (state === 'body') finish(pieces)
    state = 'delimiter'
    return true
  }

  /** The rest of a boundary's line, of which only matters whether it is the last. */
  function readDelimiter(): boolean {
    if (held.startsWith('--')) {
      state = 'epilogue'
      return true
    }
    const end = held.indexOf('\n')
    if (end < 0) {
      // A `-` may be half of what says that it is the last.
      if (held.length > 1) held = ' '
      return false
    }
    held = held.slice(end + 1)
    header = new Map()
    size = 0
    state = 'header'
    return true
  }

  function readHeader(pieces: Piece[]): boolean {
    const end = held.indexOf('\n')
    if (size + (end < 0 ? held.length : end) > largestHeader) {
      overflowed = true
      held = ''
      return false
    }
    if (end < 0) return false
    const line = held.slice(0, end).trim()
    size += end
    if (line === '') return begin(pieces, end)
    held = held.slice(end + 1)
    const colon = line.indexOf(':')
    if (colon > 0) header.set(line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim())
    return true
  }

  /** The blank line has come. Its end may be the line break that belongs to a boundary. */
  function begin(pieces: Piece[], end: number): boolean {
    const fields = header
    const length = fields.get('content-length')
    pieces.push({ type: 'part', header: name => fields.get(name) ?? null })
    if (length !== undefined && /^\d+$/.test(length)) {
      state = 'counted'
      left = Number(length)
      held = held.slice(end + 1)
    } else {
      state = 'body'
      lead = 1
      held = held.slice(end)
    }
    return true
  }

  function readCounted(pieces: Piece[]): boolean {
    const taken = held.slice(0, left)
    say(pieces, taken)
    left -= taken.length
    held = held.slice(taken.length)
    if (left > 0) return false
    finish(pieces)
    // What the length left over is nobody's, up to the next boundary.
    state = 'preamble'
    held = `\n${held}`
    lead = 1
    return true
  }

  function say(pieces: Piece[], text: string): void {
    if (text) pieces.push({ type: 'body', bytes: Uint8Array.from(text, byte => byte.charCodeAt(0)) })
  }

  function finish(pieces: Piece[]): void {
    pieces.push({ type: 'end' })
  }
}

function earliest(text: string, wanted: readonly string[]): [at: number, found: string | undefined] {
  let at = text.length
  let found: string | undefined
  for (const each of wanted) {
    const there = text.indexOf(each)
    if (there < 0 || there >= at) continue
    at = there
    found = each
  }
  return [at, found]
}

/** Where the end of the text begins that may be the beginning of a boundary's line. */
function undecided(text: string, delimiters: readonly string[]): number {
  const line = text.lastIndexOf('\n')
  if (line >= 0 && delimiters.some(delimiter => delimiter.startsWith(text.slice(line)))) return line
  return text.endsWith('\r') ? text.length - 1 : text.length
}

/** In slices, as each byte becomes an argument on the stack. */
function toBinary(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 4096)
    text += String.fromCharCode.apply(null, bytes.subarray(at, at + 4096) as unknown as number[])
  return text
}
