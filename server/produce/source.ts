import { show } from '../../src/wire/codec.ts'

/** What is read piece by piece: an async iterable, such as a stream of Node's or of the web's and what an async generator gives, or any other iterable but a text. */
export type Pieces<Piece = unknown> = AsyncIterable<Piece> | Iterable<Piece | PromiseLike<Piece>>

/** Where the pieces of a production come from, or a function that gives it. The signal is aborted when the production ends before its source does. */
export type Source<Piece = unknown> =
  | Pieces<Piece>
  | ((signal: AbortSignal) => Pieces<Piece> | PromiseLike<Pieces<Piece>>)

/** A source that is read. */
export interface Reader {
  next(): Promise<IteratorResult<unknown>>
  /** Nothing more is read. Nobody waits for it: a generator that awaits something takes notice only then. */
  close(): void
}

/** @throws {TypeError} for what is no source */
export function checkSource(source: unknown): void {
  if (typeof source !== 'function' && !isPieces(source)) throw strange('produce: the source', source)
}

/** Calls the function, if it is one. Rejects with what that throws, and for what gives no pieces. */
export async function openSource(source: Source, signal: AbortSignal): Promise<Reader> {
  const pieces = typeof source === 'function' ? await source(signal) : source
  if (!isPieces(pieces)) throw strange('produce: what the source gives', pieces)
  const iterator =
    Symbol.asyncIterator in pieces ? pieces[Symbol.asyncIterator]() : inTime(pieces[Symbol.iterator]())

  return {
    next: async () => iterator.next(),
    close() {
      void (async () => iterator.return?.())().catch(() => {})
    },
  }
}

/** What `for await` makes of an iterable that is not async: each value is awaited. */
function inTime(iterator: Iterator<unknown>): AsyncIterator<unknown> {
  return {
    async next() {
      const { done = false, value } = iterator.next()
      return { done, value: await value }
    },
    async return() {
      iterator.return?.()
      return { done: true, value: undefined }
    },
  }
}

/** A text would be published character by character, which nobody means. */
function isPieces(value: unknown): value is Pieces {
  return (
    typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value)
  )
}

function strange(what: string, value: unknown): TypeError {
  return new TypeError(
    `${what} is ${show(value)}; it has to be an async iterable or an iterable, or a function that gives one`,
  )
}
