import { longestId } from '../connection/position.ts'
import { show } from '../wire/codec.ts'
import { type AnyOptions, type CoreOptions, type Options, usualLimits } from './options.ts'

/** What each option has to be, as a test and in words. */
const rules: Record<
  keyof Options | 'transport' | 'topics',
  [fits: (value: unknown) => boolean, words: string]
> = {
  transport: [
    value => isObject(value) && isFunction(value.open ?? value.route),
    'a transport that you import, such as websocket, or a race(websocket, longPolling) of several',
  ],
  transports: [Array.isArray, 'an array of transports'],
  dialect: [value => typeof value === 'string' || isObject(value), 'a dialect or the name of one'],
  topics: [isFunction, 'subscriptions, that you import from throughline/core'],
  params: [
    value => isObject(value) || isFunction(value),
    'an object, a list of pairs, or a function that returns one',
  ],
  headers: [
    value => isObject(value) || isFunction(value),
    'an object, a list of pairs, or a function that returns one',
  ],
  withCredentials: [isBoolean, 'true or false'],
  jsonp: [value => value === 'cross-origin', '"cross-origin", or absent'],
  lastEventId: [
    // Of a line with topics it has one part for each of them.
    value =>
      typeof value === 'string' &&
      value.split(',').every(({ length }) => length <= longestId) &&
      !/[\r\n\0]/.test(value),
    `a string without CR, LF and NUL, of ${longestId} characters at most`,
  ],
  token: [isFunction, 'a function that returns one'],
  tokenIn: [value => value === 'address', '"address", or absent'],
  resume: [value => value === 'session' || value === false, '"session" or false'],
  codec: [
    value => isObject(value) && isFunction(value.encode) && isFunction(value.decode),
    'an object with encode and decode',
  ],
  retry: [isTime, 'a time in ms, 0 or more'],
  timeout: [value => isTime(value) && value !== 0, 'a time in ms, more than 0'],
  limits: [isObject, 'an object such as { bytes: 4_000_000 }'],
  eager: [isBoolean, 'true or false'],
  separate: [isBoolean, 'true or false'],
  shared: [isBoolean, 'true or false'],
  signal: [value => isObject(value) && isFunction(value.addEventListener), 'an AbortSignal'],
  debug: [value => isBoolean(value) || isFunction(value), 'true, false, or a function that takes each line'],
  environment: [isObject, 'an object'],
}

/** Text that was meant for one of these may be a secret, which no message shows. */
const secret = new Set(['params', 'headers', 'token'])

function kindOf(value: unknown): string {
  return typeof value === 'string' ? 'a string' : show(value)
}

/** @throws {TypeError} naming the option and what it has to be */
export function checkOptions(options: AnyOptions): void {
  check(options, 'transport')
}

/** The same for `throughline/core`, where `transport` and `dialect` have to be given. */
export function checkCoreOptions(options: CoreOptions): void {
  const { transport = null, dialect = null } = (options ?? {}) as Partial<CoreOptions>
  check(isObject(options) ? ({ ...options, transport, dialect } as CoreOptions) : options, 'transports')
}

/** `unknown`: the option of the other entry. */
function check(options: CoreOptions | AnyOptions, unknown: 'transport' | 'transports'): void {
  if (!isObject(options))
    throw new TypeError(`connect: the options are ${show(options)}; they have to be an object`)
  for (const name in options) {
    const rule = name !== unknown && Object.hasOwn(rules, name) && rules[name as keyof typeof rules]
    if (!rule) {
      const names = Object.keys(rules).filter(known => known !== unknown)
      const others = {
        transports: `"transport" is ${rules.transport[1]}`,
        transport: '"transports" is a list',
      }
      const hint = name === unknown ? others[name] : `the options are ${names.join(', ')}`
      throw new TypeError(`connect: unknown option "${name}"; ${hint}`)
    }
    const value = options[name]
    const [fits, words] = rule
    if (value !== undefined && !fits(value))
      throw new TypeError(
        `connect: the option "${name}" is ${secret.has(name) ? kindOf(value) : show(value)}; it has to be ${words}`,
      )
  }
  const limits: Record<string, unknown> = { ...(options.limits as object | undefined) }
  for (const name in limits) {
    if (!Object.hasOwn(usualLimits, name))
      throw new TypeError(
        `connect: the option "limits" has no "${name}"; it has ${Object.keys(usualLimits).join(', ')}`,
      )
    if (!(typeof limits[name] === 'number' && limits[name] > 0))
      throw new TypeError(
        `connect: the option limits.${name} is ${show(limits[name])}; it has to be a number above 0`,
      )
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function'
}

function isBoolean(value: unknown): boolean {
  return typeof value === 'boolean'
}

function isTime(value: unknown): boolean {
  return typeof value === 'number' && value >= 0 && value < Infinity
}
