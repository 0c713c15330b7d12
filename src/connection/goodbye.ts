import type { Limits, Outbox } from '../contracts/outbox.ts'
import type { Send } from '../contracts/send.ts'
import type { Target } from '../contracts/transport.ts'
import { utf8Length } from '../wire/payload.ts'
import { post } from './post.ts'

/** A request that outlives its page may carry 64 KiB (Fetch, "http-network-or-cache fetch"); this leaves room for others. In bytes. */
const lastBytes = 60_000

/** How many bytes a goodbye has at most: its reason has 123, each of which JSON may write as six. */
const goodbyeBytes = 1_000

/**
 * Sends what has not been taken, with the numbers it has, and the goodbye behind it, all by one request that outlives the page. There is
 * no time to wait for an answer. What the page sends after that, in its own listeners for `pagehide` for example, goes by requests of
 * its own.
 */
export function sendLast(
  target: Target,
  outbox: Outbox,
  limits: Partial<Limits> | undefined,
  goodbye = '',
): void {
  let waiting = ''
  let next: (() => void) | undefined
  const send: Send = (text, done) => {
    if (next) {
      postLast(target, text as string)
      done()
    } else {
      waiting += text
      next = done
    }
  }
  outbox.open(send, { ...limits, batch: lastBytes })
  postLast(target, waiting + goodbye)
  next ??= () => {}
  next()
}

function postLast(target: Target, text: string): void {
  if (text) post(target, text, { keepalive: utf8Length(text) <= lastBytes + goodbyeBytes })
}
