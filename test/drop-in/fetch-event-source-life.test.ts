/** The table of a `fetchEventSource()`, by itself. */
import { describe, expect, test } from 'vitest'
import { type Life, next, type Signal, type Terms } from '../../src/drop-in/fetch-event-source/life.ts'

const error = new Error('x')
const asking: Life = { name: 'asking', tries: 0, by: 'request' }
const reading: Life = { name: 'reading', tries: 0, by: 'request' }
const lost: Signal = { type: 'failed', error, lost: true, said: undefined }
const threw: Signal = { ...lost, lost: false }
const over: Life = { name: 'over', failure: { error } }
const termsOf = (safe: boolean, resumes: boolean): Terms => ({
  safe,
  resumes: () => resumes,
  pause: tries => tries * 100,
})
const again = (by: 'request' | 'resume', after = 100): Life => ({ name: 'waiting', tries: 1, by, after })

describe.each([asking, reading])('while it is $name', life => {
  test('a GET is sent again, whatever failed', () => {
    for (const signal of [lost, threw])
      expect(next(life, signal, termsOf(true, false))).toEqual(again('request'))
  })

  test('anything else is over, whatever failed', () => {
    for (const signal of [lost, threw]) expect(next(life, signal, termsOf(false, false))).toEqual(over)
  })

  test('it goes on where the network failed and there is an id, and not where the page threw', () => {
    expect(next(life, lost, termsOf(false, true))).toEqual(again('resume'))
    expect(next(life, threw, termsOf(false, true))).toEqual(over)
  })

  test('a number sends it again', () => {
    for (const signal of [lost, threw]) {
      expect(next(life, { ...signal, said: 7 }, termsOf(false, false))).toEqual(again('request', 7))
      expect(next(life, { ...signal, said: 0 }, termsOf(false, true))).toEqual(again('resume', 0))
    }
  })
})

test('pauses grow with failures in a row, until a message comes', () => {
  const third = next({ ...asking, tries: 2 }, lost, termsOf(true, false))
  expect(third).toMatchObject({ tries: 3, after: 300 })
  expect(next({ ...reading, tries: 3 }, { type: 'progress' }, termsOf(true, false))).toEqual(reading)
})

test('what is over stays over', () => {
  const signals: Signal[] = [lost, threw, { type: 'due' }, { type: 'answered' }, { type: 'over' }]
  for (const signal of signals) expect(next(over, signal, termsOf(true, true))).toBe(over)
})
