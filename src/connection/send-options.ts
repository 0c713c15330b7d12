import { show } from '../wire/codec.ts'

/** How a message is sent. */
export interface SendOptions {
  /** The message's name. Names that begin with `rt.` are reserved. @default 'message' */
  event?: string | undefined
  /** The promise resolves with the server's answer, where the dialect has answers. @default false */
  answer?: boolean | undefined
  /**
   * After how many ms the promise rejects at the latest: with `expired` what was not sent by then, and is not sent any more; with
   * `IN_DOUBT` what was.
   * @default 10000 with `answer`; otherwise what `limits.age` says
   */
  timeout?: number | undefined
}

/** @throws {TypeError} naming what cannot be asked of a message */
export function checkSend(options: SendOptions): void {
  if (typeof options !== 'object' || options === null)
    throw new TypeError(
      `send: the options are ${show(options)}; they have to be an object, such as { event: "name" }`,
    )
  for (const name in options) {
    if (name !== 'event' && name !== 'answer' && name !== 'timeout')
      throw new TypeError(`send: unknown option "${name}"; the options are event, answer, timeout`)
  }
  const { event, answer, timeout } = options
  if (event !== undefined && (typeof event !== 'string' || /[\r\n\0]|^rt\./.test(event)))
    throw new TypeError(
      `send: event is ${show(event)}; it is a text without CR, LF and NUL, and names that begin with "rt." are reserved`,
    )
  if (answer !== undefined && typeof answer !== 'boolean')
    throw new TypeError(`send: answer is ${show(answer)}; it has to be true or false`)
  if (timeout !== undefined && !isTime(timeout))
    throw new TypeError(`send: timeout is ${show(timeout)}; it has to be a time in ms, more than 0`)
}

export function isTime(value: unknown): boolean {
  return typeof value === 'number' && value > 0 && value < Infinity
}
