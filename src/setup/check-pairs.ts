import { show } from '../wire/codec.ts'

/** What a header's name may have (RFC 9110, 5.6.2). */
const token = /^[\w!#$%&'*+.^`|~-]+$/

/** What a header's value may not have (RFC 9110, 5.5). */
const unfit = /[^\t\x20-\x7e\x80-\xff]/

/** @throws {TypeError} naming what is no parameter */
export function checkParams(given: unknown): void {
  for (const [name, value] of checkPairs('params', given))
    for (const each of Array.isArray(value) ? value : [value]) checkText('params', name, each)
}

/** @throws {TypeError} naming what is no header */
export function checkHeaders(given: unknown): void {
  for (const [name, value] of checkPairs('headers', given)) {
    if (!token.test(name))
      throw new TypeError(`connect: the option "headers" has ${show(name)}, which is no name of a header`)
    checkText('headers', name, value)
    if (unfit.test(`${value ?? ''}`))
      throw new TypeError(
        `connect: the option "headers" has a character in ${show(name)} that no header can carry (RFC 9110, 5.5); escape it, as encodeURIComponent does`,
      )
  }
}

function checkPairs(option: string, given: unknown): [string, unknown][] {
  const isList = typeof given === 'object' && given !== null && Symbol.iterator in given
  const isRecord = show(given) === '[object Object]'
  const pairs = isList
    ? [...(given as Iterable<unknown>)]
    : isRecord
      ? Object.entries(given as object)
      : [given]
  return pairs.map(pair => {
    if (Array.isArray(pair) && pair.length === 2 && typeof pair[0] === 'string')
      return pair as [string, unknown]
    throw new TypeError(
      `connect: the option "${option}" ${isList ? 'has' : 'is'} ${show(pair)}; it has to be an object, or a list of pairs of a name and a value`,
    )
  })
}

/** Names are shown, values are not: they may be secret. */
function checkText(option: string, name: string, value: unknown): void {
  const fits =
    value === null ||
    /^(undefined|string|bigint|boolean)$/.test(typeof value) ||
    (typeof value === 'number' && Number.isFinite(value))
  if (fits) return
  throw new TypeError(
    `connect: the option "${option}" has ${show(value)} for ${show(name)}; it has to be text, a number, true or false`,
  )
}
