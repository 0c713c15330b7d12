import { wrap } from '../../src/wire/encoder.ts'

/** A text to be sent: whole blocks. */
export interface Piece {
  readonly text: string
  /** The topic of a message; what the protocol itself says has none. */
  readonly topic?: string
}

/** A part of a batch that goes out in one way: as a frame of a WebSocket, or as blocks of an answer in gzip. */
export interface Part {
  readonly text: string
  readonly bytes: Buffer
  /** The text in blocks of DEFLATE (RFC 1951), complete, and ending with a byte; nothing if it stays as it is. */
  readonly blocks?: Buffer
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
  /** What it goes out in where the client can inflate; `none` if it goes out as it is. */
  parts: readonly Part[] | 'none' | undefined
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
  return {
    before,
    piece,
    size,
    next: undefined,
    text: undefined,
    bytes: undefined,
    wrapped: undefined,
    parts: undefined,
  }
}

function join(batch: Batch): string {
  return piecesOf(batch)
    .map(({ text }) => text)
    .join('')
}

/** The oldest first. */
export function piecesOf(batch: Batch): Piece[] {
  const pieces: Piece[] = []
  for (let at: Batch | undefined = batch; at; at = at.before) pieces.push(at.piece)
  return pieces.reverse()
}
