/**
 * One endless response, read by `fetch`.
 *
 * @module throughline/transports/fetch-streaming
 */
import type { Reader } from '../contracts/dialect.ts'
import { feed, type Target, type Transport } from '../contracts/transport.ts'
import { canStream, type FetchOptions, fetched } from './http/fetch-request.ts'
import { type Receiving, receive } from './http/receive.ts'
import { originOf } from './http/xhr-request.ts'

const traits = { name: 'fetch-streaming', kind: 'stream', setsHeaders: true } as const

/** One endless response, read by fetch: also in a service worker, and without keeping what was read. Sends go beside it, by POST. */
export const fetchStreaming: Transport = fetchStreamingWith({})

/**
 * The same, whose request is made as the page says; a function is asked afresh for each.
 *
 * ```ts
 * import { connect } from 'throughline'
 * import { plain } from 'throughline/dialects/plain'
 * import { fetchStreamingWith } from 'throughline/transports/fetch-streaming'
 * connect('/answer', { dialect: plain, transports: [fetchStreamingWith({ method: 'POST', body: question, once: true })] })
 * ```
 * A POST is made again after a cut, and, without `once`, after an end; each time after a longer wait, since the server does its work again.
 */
export function fetchStreamingWith(options: FetchOptions | (() => FetchOptions)): Transport {
  const asking = typeof options === 'function' ? options : () => options
  return {
    ...traits,
    supports: canStream,
    open: (target, sink) => receive(target, sink, out => stream(out, target, asking), fetched),
  }
}

function stream(out: Receiving, target: Target, asking: () => FetchOptions, before?: Reader): void {
  const asked = target.buildRequest(traits)
  const reader = target.reader(traits, before)
  const { once, ...request } = asking()
  let origin: string | undefined
  let brought = 0
  const abort = fetched(
    target,
    asked,
    {
      head: reader.head,
      opened(url) {
        origin = originOf(url)
        out.opened()
      },
      text(chunk) {
        brought += feed(chunk, reader, out, origin).length
      },
      done(failure) {
        const rest = reader.end()
        if (rest.length > 0) out.blocks(rest)
        out.responseEnded(
          asked.url,
          brought + rest.length,
          () => stream(out, target, asking, reader),
          failure,
          {
            ...(once && { status: 204 }),
            costly: (request.method ?? 'GET').toUpperCase() !== 'GET',
          },
        )
      },
    },
    undefined,
    request,
  )
  out.setAbort(abort)
}

export type { FetchInit } from '../here.ts'
export type { FetchOptions } from './http/fetch-request.ts'
