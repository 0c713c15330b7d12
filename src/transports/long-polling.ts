import type { Incoming, Reader } from '../dialects/dialect.ts'
import { place } from './failure.ts'
import { poster } from './post.ts'
import { originOf, request } from './request.ts'
import { gate, pour, type Transport } from './transport.ts'

/** One request after the other, each answered when there is something to say. Sends go beside it, by POST. */
export const longPolling: Transport = {
  name: 'long-polling',
  supports: target => target.environment.XMLHttpRequest !== undefined,
  open(target, sink) {
    const { dialect, environment } = target
    const post = poster(target, sink)
    let abort: () => void
    let pause: unknown
    let retry: number | undefined
    let latest: Reader | undefined
    const out = gate(sink, () => {
      abort()
      environment.clearTimeout(pause)
      post.close()
    })
    poll(0)
    return { close: out.close, send: post.send }

    function poll(turn: number): void {
      const asked = target.knock('long-polling', { turn })
      const reader = dialect.reader('long-polling', latest)
      latest = reader
      const since = environment.now()
      const brought: Incoming[] = []
      let origin: string | undefined
      abort = request(target, asked, {
        head: reader.head,
        opened(url) {
          origin = originOf(url)
          out.opened('long-polling')
        },
        text(chunk) {
          brought.push(...pour(chunk, reader, out, asked.url, origin))
        },
        done(failure) {
          const rest = reader.end()
          brought.push(...rest)
          if (rest.length > 0) out.blocks(rest)
          if (failure) return out.ended(failure)
          for (const block of brought) retry = block.retry ?? retry
          const wait = dialect.pace(brought, environment.now() - since, retry)
          // To an EventSource each answer that ends is an interruption, which its page hears of.
          if (!dialect.greets && !dialect.continues)
            out.paused({ kind: 'ended', message: `${place(asked.url)} ended`, retryAfter: wait })
          if (!out.shut) pause = environment.setTimeout(() => poll(turn + 1), wait)
        },
      })
    }
  },
}
