import { describe, expect, it } from 'vitest'
import type { Log } from '../../server/index.ts'
import { type LogCasesOptions, logCases } from '../../testing/log/index.ts'

/** What any log promises, as it is published, and how ours refuse options. */
export function logContract(options: LogCasesOptions): void {
  describe('keeps the contract of a log:', () => {
    for (const { name, run } of logCases(options)) it(name, run)
  })
}

/** How logs of ours refuse what cannot be kept. */
export function logOptions(make: (options: object) => Log): void {
  describe('a log', () => {
    it.each<[object, RegExp]>([
      [{ retain: { 'room:*': 0 } }, /^retain\["room:\*"\] is 0; it must be 1 or more/],
      [{ retain: { a: 1, b: '5' } }, /^retain\["b"\] is "5"/],
      [{ retain: { a: undefined } }, /^retain\["a"\] is undefined/],
      [{ retain: [5] }, /^retain is \[object Array\]/],
      [{ retain: null }, /^retain is null/],
      [{ expire: { 'a*': -1 } }, /^expire\["a\*"\] is -1; it must be a positive number of ms/],
      [{ retain: { '': 5 } }, /^retain has the pattern ""; it must be the name of a topic/],
      [{ retain: { '*:a': 5 } }, /^retain has the pattern "\*:a"; .* one \* at the end/],
      [{ expire: { 'a**': 5 } }, /^expire has the pattern "a\*\*"/],
      [{ expire: { 'rt.to.*': 5 } }, /^expire has the pattern "rt\.to\.\*"; .* are reserved/],
      [{ retain: { 'a\ud83d*': 5 } }, /^retain has the pattern "a\\ud83d\*"/],
      [{ retain: { 'a\nb': 5 } }, /^retain has the pattern "a\\nb"/],
    ])('cannot be kept as %o says', (options, words) => {
      expect(() => make(options)).toThrow(TypeError)
      expect(() => make(options)).toThrow(words)
    })

    it.each([0, -1, Number.NaN, '1h'])('cannot expire after %j', expire => {
      expect(() => make({ expire })).toThrow(/^expire is .* number of ms/)
    })
  })
}
