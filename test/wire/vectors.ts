import type { Block } from '../../src/wire/block.ts'

/** A text, or pieces of one, `[text, times]` standing for a repetition. */
export type Text = string | (string | [string, number])[]

export interface StreamVector {
  name: string
  stream: Text
  blocks: Partial<Block>[]
  /** What `end()` yields; nothing by default. */
  end?: Partial<Block>[]
  /** Whether the encoder writes this very text for these blocks. */
  canonical?: boolean
}

export function spell(text: Text): string {
  if (typeof text === 'string') return text
  return text.map(piece => (typeof piece === 'string' ? piece : piece[0].repeat(piece[1]))).join('')
}

/** Every way to cut the text in two, the whole, and one character at a time. */
export function* cuttings(text: string): Generator<string[]> {
  yield [text]
  yield text.split('')
  for (let at = 0; at <= text.length; at++) yield [text.slice(0, at), text.slice(at)]
}

/** The fields a block has. */
export function known(block: Block): Partial<Block> {
  return Object.fromEntries(Object.entries(block).filter(([, value]) => value !== undefined))
}

export function bytesOfHex(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.match(/../g) ?? [], byte => Number.parseInt(byte, 16))
}
