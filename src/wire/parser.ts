import type { Block } from './block.ts'

/**
 * Reads `text/event-stream` as WHATWG HTML, "9.2.6 Interpreting an event stream", says; its clauses are quoted
 * beside the lines that obey them. What differs, on purpose: every block with a known field is handed over,
 * also without data, so that the caller sees positions and `retry`; there are more fields, `enc`, `type`, `topic` and `re`; and a block
 * has a largest size: of one that is larger all is handed over but its data.
 */
export interface Parser {
  /** The blocks that this piece of the stream completes. Pieces may be cut anywhere. */
  feed(chunk: string): Block[]
  /** The same without an array: each block is pushed into `into`, which must not throw, as it gets complete. */
  feed<Into extends BlockSink>(chunk: string, into: Into): Into
  /** The stream is over: its last, incomplete block is dropped, but a `retry` it held counts. */
  end(): Block[]
  /** Some block was larger than `limit`: it was handed over as `oversized`, without its data. */
  readonly overflowed: boolean
}

/** What takes blocks one by one, such as an array. */
export interface BlockSink {
  /** Takes one. It must not throw. */
  push(block: Block): unknown
}

/** Options of `createParser()`. */
export interface ParserOptions {
  /**
   * The largest block, in characters: the data it has so far and the line being read. Comments do not count.
   * @default 1048576
   */
  limit?: number
  /**
   * Whether one U+FEFF at the very start is dropped; `false` where a decoder did so already.
   * @default true
   */
  bom?: boolean
}

const LF = 10
const SPACE = 32
const COLON = 58
const BOM = 0xfeff
const MAX_SAFE_INTEGER = 2 ** 53 - 1

/**
 * Makes a parser of event streams, for a dialect whose server sends one.
 *
 * ```ts
 * import { createParser, type Framing } from 'throughline/core'
 * const framing: Framing = { reader: (_transport, _previous, limit) => createParser({ limit, bom: false }) }
 * ```
 */
export function createParser({ limit = 2 ** 20, bom = true }: ParserOptions = {}): Parser {
  let { id, event, data, retry, encoding, type, topic, re }: Partial<Block> = {}
  let room = limit // by how much this block may still grow
  let most = room // how long the line being read may get: -1 while the rest of one that is too long is left out
  let oversized: true | undefined // this block
  let more = false // whether it has any of the fields that few blocks have
  let held = '' // a line whose end has not come: added to, and read only once it is whole, so time stays linear
  let overflowed = false

  // "The UTF-8 decode algorithm strips one leading UTF-8 Byte Order Mark (BOM), if any."
  let skip = bom ? BOM : 0 // dropped if the next chunk begins with it

  function feed(chunk: string): Block[]
  function feed<Into extends BlockSink>(chunk: string, into: Into): Into
  function feed(chunk: string, blocks: BlockSink = []): BlockSink {
    const { length } = chunk
    if (!length) return blocks
    let start = skip && chunk.charCodeAt(0) === skip ? 1 : 0
    skip = 0

    // "… a CRLF character pair, a single LF character not preceded by a CR character, and a single CR character
    // not followed by a LF character being the ways in which a line can end."
    let cr = find(chunk, '\r', start)
    let lf = find(chunk, '\n', start)
    while (lf !== cr) {
      let end = Math.min(lf, cr)
      if (held.length + end - start > most) {
        leaveOut(held || chunk, held ? 0 : start)
        most = room
      } else if (held) {
        readLine(held + chunk.slice(start, end))
        held = ''
      } else if (isData(chunk, start)) {
        const value = valueAt(chunk, start + 5, end)
        if (data === undefined && end < cr && chunk.charCodeAt(end + 1) === LF) {
          // Nearly every block: its only data line, and the blank line right behind it.
          blocks.push(taken(value))
          end++
        } else addData(value)
      } else if (isId(chunk, start)) setId(valueAt(chunk, start + 3, end))
      else if (chunk.startsWith('topic:', start)) {
        topic = valueAt(chunk, start + 6, end) || undefined
        more = true
      } else if (start < end) readLine(chunk.slice(start, end))
      // "If the line is empty (a blank line): Dispatch the event"
      else endBlock(blocks)

      start = end + 1
      if (end === cr) {
        // A CR ends its line at once: the LF that may follow is not waited for.
        if (start === length) skip = LF
        else if (chunk.charCodeAt(start) === LF) start++
        cr = find(chunk, '\r', start)
      }
      if (lf < start) lf = find(chunk, '\n', start)
    }
    held += chunk.slice(start)
    if (held.length > most) {
      leaveOut(held, 0)
      most = -1
    }
    return blocks
  }

  /** A line that is too long is not kept, and with it the data of its block; unless it is a comment. */
  function leaveOut(text: string, at: number): void {
    if (most >= 0 && text.charCodeAt(at) !== COLON) {
      more = oversized = overflowed = true
      data = ''
      room = limit
    }
    held = ''
  }

  function readLine(line: string): void {
    // "Collect the characters on the line before the first U+003A COLON character (:), and let field be that
    // string. Collect the characters on the line after the first U+003A COLON character (:), and let value be that
    // string." Without one: "using the whole line as the field name, and the empty string as the field value."
    // "If the line starts with a U+003A COLON character (:): Ignore the line." It is a field without a name here.
    const colon = find(line, ':', 0)
    const name = line.slice(0, colon)
    const value = valueAt(line, colon + 1)
    more = true

    // "Field names must be compared literally, with no case folding performed."
    if (name === 'data') addData(value)
    else if (name === 'id') setId(value)
    else if (name === 'event') event = value || undefined
    else if (name === 'topic') topic = value || undefined
    else if (name === 'enc') encoding = value || undefined
    else if (name === 'type') type = value || undefined
    else if (name === 're') re = value || undefined
    // "If the field value consists of only ASCII digits, then interpret the field value as an integer in base
    // ten … Otherwise, ignore the field."
    else if (name === 'retry' && /^\d+$/.test(value)) retry = Math.min(+value, MAX_SAFE_INTEGER)
    // "Otherwise: The field is ignored."
  }

  // "Append the field value to the data buffer, then append a single U+000A LINE FEED (LF) character to the data
  // buffer." The last one is removed again before the event is dispatched; here it is not put there.
  function addData(value: string): void {
    if (oversized) return
    data = data === undefined ? value : `${data}\n${value}`
    most = room -= value.length + 1
  }

  // "If the field value does not contain U+0000 NULL, then set the last event ID buffer to the field value.
  // Otherwise, ignore the field."
  function setId(value: string): void {
    if (!value.includes('\0')) id = value
  }

  // Without a known field (only comments, for one) nothing is handed over.
  function endBlock(blocks: BlockSink): void {
    const isKnown = (data ?? id ?? event ?? retry ?? encoding ?? type ?? topic ?? re) !== undefined
    const block = taken(data)
    data = undefined
    most = room = limit
    if (isKnown) blocks.push(block)
  }

  /** The block that ends here. */
  function taken(data: string | undefined): Block {
    const block: Block = { id, event, data: oversized ? undefined : data }
    id = event = undefined
    if (more) {
      if (oversized) block.oversized = oversized
      if (retry !== undefined) block.retry = retry
      if (topic) block.topic = topic
      if (encoding) block.encoding = encoding
      if (type) block.type = type
      if (re) block.re = re
      retry = encoding = type = topic = re = oversized = undefined
      more = false
    }
    return block
  }

  // "Once the end of the file is reached, any pending data must be discarded." But `retry` held when it was read.
  function end(): Block[] {
    const blocks: Block[] = []
    held = ''
    id = event = data = encoding = type = topic = re = oversized = undefined
    endBlock(blocks)
    return blocks
  }

  return {
    feed,
    end,
    get overflowed() {
      return overflowed
    },
  }
}

/** Where `character` is, or the end of the text. One-character chunks are common enough to be looked at directly. */
function find(text: string, character: string, from: number): number {
  const at = text.length > 1 ? text.indexOf(character, from) : text === character ? from : -1
  return at < 0 ? text.length : at
}

/** "If value starts with a U+0020 SPACE character, remove it from value." */
function valueAt(text: string, at: number, end?: number): string {
  return text.slice(text.charCodeAt(at) === SPACE ? at + 1 : at, end)
}

// Unrolled: a quarter faster than `startsWith` where it matters, once per line.
function isData(text: string, at: number): boolean {
  return (
    text.charCodeAt(at) === 100 &&
    text.charCodeAt(at + 1) === 97 &&
    text.charCodeAt(at + 2) === 116 &&
    text.charCodeAt(at + 3) === 97 &&
    text.charCodeAt(at + 4) === 58
  )
}

function isId(text: string, at: number): boolean {
  return text.charCodeAt(at) === 105 && text.charCodeAt(at + 1) === 100 && text.charCodeAt(at + 2) === 58
}
