import type { Block } from '../../src/wire/block.ts'
import { createParser } from '../../src/wire/parser.ts'
import { refusal } from '../http-error.ts'
import type { Limits } from '../options.ts'

/** Reads what a client sends in one request or frame, no further than the limits. */
export interface Reader {
  /** Throws a refusal as soon as it is too much: a single large message may be as long as a message, several only as a batch. */
  feed(text: string, bytes: number): void
  readonly blocks: readonly Block[]
  readonly bytes: number
}

export function createReader({ message, batch, messages }: Limits): Reader {
  const most = Math.max(message, batch)
  const parser = createParser({ limit: message, bom: false })
  const blocks: Block[] = []
  let read = 0
  return {
    feed(text, bytes) {
      read += bytes
      parser.feed(text, blocks)
      const several = blocks.length > 1
      if (parser.overflowed || read > (several ? batch : most) || blocks.length > messages)
        throw refusal(413, 'too much at once')
    },
    blocks,
    get bytes() {
      return read
    },
  }
}

/** So many characters are read before it is looked whether they are too many messages. */
const step = 2 ** 14

/** Reads a text that is there as a whole. */
export function readText(text: string, bytes: number, limits: Limits): readonly Block[] {
  const reader = createReader(limits)
  for (let at = 0; at < text.length; at += step) {
    const piece = text.slice(at, at + step)
    reader.feed(piece, at + step < text.length ? piece.length : bytes - reader.bytes)
  }
  return reader.blocks
}
