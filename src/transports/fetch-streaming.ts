import type { Reader } from '../dialects/dialect.ts'
import { place } from './failure.ts'
import { type FetchOptions, fetched } from './fetched.ts'
import { poster } from './post.ts'
import { originOf } from './request.ts'
import { follow, gate, pour, type Transport } from './transport.ts'

/** One endless response, read by fetch: also in a service worker, and without keeping what was read. Sends go beside it, by POST. */
export const fetchStreaming: Transport = fetchStreamingWith({})

/**
 * The same, whose request is made as the page says; a function is asked afresh for each.
 *
 * ```ts
 * connect('/answer', { dialect: 'plain', transports: [fetchStreamingWith({ method: 'POST', body: question, priority: 'high' })] })
 * ```
 */
export function fetchStreamingWith(options: FetchOptions | (() => FetchOptions)): Transport {
  const asking = typeof options === 'function' ? options : () => options
  return {
    name: 'fetch-streaming',
    supports: target => target.environment.fetch !== undefined && typeof ReadableStream === 'function',
    open(target, sink) {
      const { dialect } = target
      const post = poster(target, sink, fetched)
      const out = gate(sink, () => {
        abort()
        post.close()
      })
      let before: Reader | undefined
      let abort = stream()
      return { close: out.close, send: post.send }

      function stream(): () => void {
        const asked = target.knock('fetch-streaming')
        const reader = dialect.reader('fetch-streaming', before)
        before = reader
        let origin: string | undefined
        let brought = 0
        return fetched(
          target,
          asked,
          {
            head: reader.head,
            opened(url) {
              origin = originOf(url)
              out.opened('fetch-streaming')
            },
            text(chunk) {
              brought += pour(chunk, reader, out, asked.url, origin).length
            },
            done(failure) {
              const rest = reader.end()
              if (rest.length > 0) out.blocks(rest)
              if (!failure && dialect.continues && !out.shut)
                abort = follow(target, brought + rest.length, stream)
              else out.ended(failure ?? { kind: 'ended', message: `${place(asked.url)} ended` })
            },
          },
          undefined,
          asking(),
        )
      }
    },
  }
}
