import { wrap } from '../../src/wire/encoder.ts'

/** A text to be sent: whole blocks. */
export interface Piece {
  readonly text: string
}

/**
 * Pieces that wait to go out together, in one frame. Extending a batch by the same piece gives the same batch again, so
 * thousands of lines that wait for the same pieces hold one batch, which is joined and turned into bytes once.
 */
export interface Batch {
  readonly before: Batch | undefined
  readonly piece: Piece
  /** Characters in all. */
  readonly size: number
  next: Batch | undefined
  text: string | undefined
  bytes: Buffer | undefined
  wrapped: Buffer | undefined
}

export function emptyBatch(): Batch {
  return link(undefined, { text: '' }, 0)
}

export function extend(batch: Batch, piece: Piece): Batch {
  if (batch.next?.piece !== piece) batch.next = link(batch, piece, batch.size + piece.text.length)
  return batch.next
}

export function textOf(batch: Batch): string {
  batch.text ??= join(batch)
  return batch.text
}

export function bytesOf(batch: Batch): Buffer {
  batch.bytes ??= Buffer.from(textOf(batch))
  return batch.bytes
}

/** The batch as one event of a browser's EventSource. */
export function wrappedBytesOf(batch: Batch): Buffer {
  batch.wrapped ??= Buffer.from(wrap(textOf(batch)))
  return batch.wrapped
}

function link(before: Batch | undefined, piece: Piece, size: number): Batch {
  return { before, piece, size, next: undefined, text: undefined, bytes: undefined, wrapped: undefined }
}

function join(batch: Batch): string {
  const texts: string[] = []
  for (let at: Batch | undefined = batch; at; at = at.before) texts.push(at.piece.text)
  return texts.reverse().join('')
}
