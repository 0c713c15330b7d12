import type { HistoryOptions, SubscribeOptions } from '../contracts/subscription.ts'
import { show } from '../wire/codec.ts'
import { utf8Length } from '../wire/payload.ts'

/** Given by the build: `false` in production. */
declare const DEV: boolean | undefined

/** How many bytes the name of a topic may have. */
const longestName = 256

/**
 * Where it begins: after an id, or as docs/PROTOCOL.md writes it.
 *
 * @throws {TypeError} naming what is no topic, or no option. Only development builds look for options that there are not, and say what each has to be
 */
export function readWish(topic: string, options: SubscribeOptions = {}): { id: string; from: string } {
  const isLong = typeof DEV === 'undefined' || DEV
  if (isLong) checkNames('subscribe', options, ['history', 'since'])
  // With the flag `u` a surrogate is one that stands alone. With U+FFFD in its place it would be the name of another topic.
  const isBad = /[\r\n\0\ud800-\udfff]|^rt\./u
  if (typeof topic !== 'string' || !topic || isBad.test(topic) || utf8Length(topic) > longestName)
    refuse(
      'subscribe: the topic',
      topic,
      isLong &&
        `it is a text of 1 to ${longestName} bytes without CR, LF, NUL and lone surrogates, and names that begin with "rt." are reserved`,
    )
  const { history, since } = options
  const isAll = history === Number.POSITIVE_INFINITY
  if (history !== undefined && !isAll && !(Number.isSafeInteger(history) && history >= 0 && history < 1e15))
    refuse(
      'subscribe: history',
      history,
      isLong && 'it has to be a number of messages, 0 or more, or Infinity',
    )
  if (history !== undefined && since !== undefined)
    refuse('subscribe: since', since, isLong && 'it and history are two ways to say where to begin; give one')
  const time = Math.floor(Number(since))
  const isDate = Object.prototype.toString.call(since) === '[object Date]' && time >= 0 && time < 1e15
  const isId = typeof since === 'string' && isPosition(since)
  if (since !== undefined && !isDate && !isId)
    refuse('subscribe: since', since, isLong && 'it has to be the id of a message, or a Date')
  if (isId) return { id: since, from: '' }
  return { id: '', from: isAll ? '@0' : isDate ? `@${time}` : history ? `-${history}` : '' }
}

/** @throws {TypeError} naming what cannot be asked of a history */
export function readHistory(options: HistoryOptions): HistoryOptions {
  const isLong = typeof DEV === 'undefined' || DEV
  if (isLong) checkNames('history', options, ['before', 'limit'])
  const { before, limit } = options
  if (before !== undefined && (typeof before !== 'string' || !isPosition(before)))
    refuse('history: before', before, isLong && 'it has to be the id of a message')
  if (limit !== undefined && !(Number.isSafeInteger(limit) && limit > 0))
    refuse('history: limit', limit, isLong && 'it has to be a number of messages, 1 or more')
  return { before, limit }
}

function isPosition(id: string): boolean {
  return /^[\w.~-]{1,64}$/.test(id) && !/^-\d+$/.test(id)
}

function checkNames(call: string, options: object, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null)
    refuse(`${call}: the options`, options, `they have to be an object with ${known.join(' or ')}`)
  for (const name in options)
    if (!known.includes(name))
      refuse(`${call}: the option`, name, `it is unknown; there are ${known.join(' and ')}`)
}

function refuse(what: string, value: unknown, words: string | false | undefined): never {
  throw new TypeError(`${what} is ${show(value)}${words ? `; ${words}` : ''}`)
}
