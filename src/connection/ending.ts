import { show } from '../wire/codec.ts'
import { utf8Length } from '../wire/payload.ts'
import { isTime } from './send-options.ts'

/** Given by the build: `false` in production. */
declare const DEV: boolean | undefined

/** @throws {TypeError} for what is no time in ms, 0 or more */
export function checkFlush(flush: number): void {
  const isDev = typeof DEV === 'undefined' || DEV
  if (!isTime(flush) && flush !== 0)
    throw new TypeError(
      `close: flush is ${isDev ? `${show(flush)}; it has to be a time in ms, 0 or more` : flush}`,
    )
}

/** @throws {DOMException} as the `close()` of a WebSocket does, for a code or a reason that no close frame can have */
export function checkEnding(code: number | null | undefined, reason = ''): void {
  const isDev = typeof DEV === 'undefined' || DEV
  if (code != null && code !== 1_000 && !(code >= 3_000 && code < 5_000))
    throw new DOMException(
      `close: code is ${isDev ? `${show(code)}; it has to be 1000, or from 3000 to 4999` : code}`,
      'InvalidAccessError',
    )
  if (utf8Length(reason) > 123)
    throw new DOMException(
      `close: reason is ${isDev ? `${show(reason)}; it may have 123 bytes as UTF-8` : reason}`,
      'SyntaxError',
    )
}
