import type { AnySignal } from '../here.ts'
import { show } from '../wire/codec.ts'

/** How a message is sent. */
export interface SendOptions {
  /** The message's name. Names that begin with `rt.` are reserved. @default 'message' */
  event?: string | undefined
  /**
   * The promise resolves with the server's answer, where the dialect has answers. To a hub that is what a listener of `message` returns,
   * `undefined` if none returns anything; it comes once, also after the line was cut. @default false
   */
  answer?: boolean | undefined
  /**
   * After how many ms the promise rejects at the latest: with `expired` what was not sent by then, and is not sent any more; with
   * `IN_DOUBT` what was.
   * @default 10000 with `answer`; otherwise what `limits.age` says
   */
  timeout?: number | undefined
  /**
   * Whether the message is of use only now, as the place of a pointer is: it is sent if it can be sent at once, which is when the line is open,
   * nothing waits before it and no POST is under way whose messages are not all acknowledged; otherwise it is dropped, and the promise rejects with `dropped`. That is no error: where nobody
   * listens, no `error` event tells of it. Once it was sent it is a message like any other, and may go again after a cut. @default false
   */
  volatile?: boolean | undefined
  /**
   * Once it is aborted, the promise rejects with the signal's `reason` (`undefined` in browsers of before 2022, whose signals have none), and
   * the wait for an answer is over. A message that was not sent by then is not sent any more; one that was may be taken all the same.
   */
  signal?: AnySignal | undefined
}

const names: readonly string[] = ['event', 'answer', 'timeout', 'volatile', 'signal']

/** @throws {TypeError} naming what cannot be asked of a message */
export function checkSend(options: SendOptions): void {
  if (typeof options !== 'object' || options === null)
    throw new TypeError(
      `send: the options are ${show(options)}; they have to be an object, such as { event: "name" }`,
    )
  for (const name in options) {
    if (!names.includes(name))
      throw new TypeError(`send: unknown option "${name}"; the options are ${names.join(', ')}`)
  }
  const { event, answer, timeout, volatile, signal } = options
  if (event !== undefined && (typeof event !== 'string' || /[\r\n\0]|^rt\./.test(event)))
    throw new TypeError(
      `send: event is ${show(event)}; it is a text without CR, LF and NUL, and names that begin with "rt." are reserved`,
    )
  if (answer !== undefined && typeof answer !== 'boolean')
    throw new TypeError(`send: answer is ${show(answer)}; it has to be true or false`)
  if (volatile !== undefined && typeof volatile !== 'boolean')
    throw new TypeError(`send: volatile is ${show(volatile)}; it has to be true or false`)
  if (timeout !== undefined && !isTime(timeout))
    throw new TypeError(`send: timeout is ${show(timeout)}; it has to be a time in ms, more than 0`)
  if (signal !== undefined && typeof signal?.addEventListener !== 'function')
    throw new TypeError(`send: signal is ${show(signal)}; it has to be an AbortSignal`)
}

export function isTime(value: unknown): boolean {
  return typeof value === 'number' && value > 0 && value < Infinity
}
