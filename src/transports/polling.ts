/**
 * One short request after the other.
 *
 * @module throughline/transports/polling
 */
import type { Head, Incoming, Reader, Request } from '../contracts/dialect.ts'
import type { Failure } from '../contracts/failure.ts'
import { feed, type Transport } from '../contracts/transport.ts'
import { setQuery } from '../wire/address.ts'
import { canRequest, requester } from './http/fetch-request.ts'
import { receive } from './http/receive.ts'
import { isAnyEventStream, messageReader } from './http/whole-body-reader.ts'
import { originOf } from './http/xhr-request.ts'

/** Options of `polling()`. */
export interface PollingOptions {
  /** How long to wait between an answer and the next request, in ms, until the server says otherwise by `retry`. @default 5000 */
  every?: number
  /**
   * The query parameter that says what was heard last, such as `inputTime`. Its value is what the latest answer names: the last `id` of
   * an event stream, or the property of that name in a JSON object.
   * @default none: what was heard last goes as `Last-Event-ID`; where answers have an `ETag`, that goes as `If-None-Match`
   */
  token?: string
}

const traits = { name: 'polling', kind: 'poll', setsHeaders: true } as const

/**
 * One request after the other, each answered at once, for hosts where none may be held. An answer is an event stream, empty if nothing
 * is new; or any other text but HTML, which is one message, told if it is another than before; or 304. Sends go beside it, by POST.
 *
 * ```ts
 * import { connect } from 'throughline'
 * import { plain } from 'throughline/dialects/plain'
 * import { polling } from 'throughline/transports/polling'
 * connect('/score.json', { dialect: plain, transports: [polling({ every: 10_000 })] })
 * ```
 */
export function polling({ every = 5_000, token }: PollingOptions = {}): Transport {
  return {
    ...traits,
    supports: canRequest,
    open(target, sink) {
      const { dialect } = target
      return receive(target, sink, out => {
        let retry: number | undefined
        let before: Reader | undefined
        let etag: string | undefined
        let told: string | undefined
        poll(0)

        function poll(turn: number): void {
          const plainly = target.buildRequest(traits, { pollIndex: turn })
          const { 'Last-Event-ID': last } = plainly.headers
          const asked = conditionally(plainly, token, etag)
          let spoke = false
          const took = (blocks: Incoming[]) => {
            for (const block of blocks) retry = block.retry ?? retry
            spoke ||= blocks.length > 0
          }
          let reader = target.reader(traits, before)
          before = reader
          let whole = false
          let origin: string | undefined
          out.setAbort(requester(target)(target, asked, { head, opened, text, done }))

          function head(head: Head, usual: () => Failure | undefined): Failure | undefined {
            if (reader.head) return reader.head(head, usual)
            const { status, header } = head
            if (status === 304) return undefined
            const type = header('Content-Type')
            const stream = isAnyEventStream(type)
            // A page in place of an answer is a login, or a box between, and never a message.
            if (status === 200 && (stream || !/html/i.test(type ?? ''))) {
              etag = header('ETag') ?? undefined
              whole = !stream
              if (whole) reader = messageReader(target.largest)
              return undefined
            }
            return usual()
          }

          function opened(url: string): void {
            origin = originOf(url)
            out.opened()
          }

          function text(chunk: string): void {
            took(feed(chunk, reader, out, origin))
          }

          function done(failure?: Failure): void {
            const rest = failure ? [] : reader.end().filter(block => !whole || isNew(block))
            took(rest)
            if (rest.length > 0) out.blocks(rest, origin)
            if (failure) return out.ended(failure)
            const more = dialect.policy?.resumesCleanEnd && spoke
            out.scheduleNext(more ? out.pace({ spoke: true }) : out.spaced(retry ?? every), () =>
              poll(turn + 1),
            )
          }

          /** Tells a whole answer from the one before; one that names the token it was asked with has nothing new. */
          function isNew(block: Incoming): boolean {
            const { data } = block
            block.id = token ? named(data, token) : undefined
            const isSame = data === told || (block.id !== undefined && block.id === last)
            told = data
            return !isSame
          }
        }
      })
    },
  }
}

/** Asks for what is new only, in the way that this server understands. */
function conditionally(
  { url, headers, ...rest }: Request,
  token: string | undefined,
  etag?: string,
): Request {
  const { 'Last-Event-ID': last, ...others } = headers
  const there = new URL(url)
  if (token && last) setQuery(there, token, last)
  const kept = token ? others : headers
  return { ...rest, url: there.href, headers: etag ? { ...kept, 'If-None-Match': etag } : kept }
}

/** What a JSON object has under this name. */
function named(data: string | undefined, name: string): string | undefined {
  try {
    const value = (JSON.parse(data ?? '') as Record<string, unknown>)[name]
    return value === undefined || value === null ? undefined : `${value}`
  } catch {
    return undefined
  }
}
