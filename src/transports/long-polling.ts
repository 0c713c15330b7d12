import type { Incoming, Reader } from '../contracts/dialect.ts'
import { withoutQuery } from '../contracts/failure.ts'
import { feed, type Target, type Transport } from '../contracts/transport.ts'
import { canRequest, requester } from './http/fetch-request.ts'
import { type Receiving, receive } from './http/receive.ts'
import { originOf } from './http/xhr-request.ts'

/** One request after the other, each answered when there is something to say. Sends go beside it, by POST. */
export const longPolling: Transport = {
  name: 'long-polling',
  kind: 'poll',
  setsHeaders: true,
  supports: canRequest,
  open: (target, sink) => receive(target, sink, out => poll(out, target, 0)),
}

/** `retry`: what the server said last. */
function poll(out: Receiving, target: Target, turn: number, before?: Reader, retry?: number): void {
  const { policy } = target.dialect
  const asked = target.buildRequest(longPolling, { pollIndex: turn, previous: before })
  const reader = target.reader(longPolling, before)
  let spoke = false
  const took = (blocks: Incoming[]) => {
    for (const block of blocks) retry = block.retry ?? retry
    spoke ||= blocks.length > 0
  }
  let said = ''
  let origin: string | undefined
  const abort = requester(target)(target, asked, {
    head: reader.head,
    opened(url) {
      origin = originOf(url)
      out.opened()
    },
    text(chunk) {
      said += chunk
      took(feed(chunk, reader, out, origin))
    },
    done(failure) {
      // Half an answer is none.
      const rest = failure ? [] : reader.end()
      took(rest)
      if (rest.length > 0) out.blocks(rest)
      if (failure) return out.ended(failure)
      out.heard(() => {
        const wait = out.pace({ text: said, spoke, retry })
        // To an EventSource each answer that ends is an interruption, which its page hears of.
        if (policy?.asEventSource && !policy.resumesCleanEnd)
          out.paused({ kind: 'ended', code: 'ended', where: withoutQuery(asked.url), retryAfter: wait })
        out.scheduleNext(wait, () => poll(out, target, turn + 1, reader, retry))
      })
    },
  })
  out.setAbort(abort)
}
