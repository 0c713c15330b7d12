import { describe, expect, it } from 'vitest'
import { type Log, memoryLog, spreadLog } from '../../server/index.ts'
import { spaceIn } from '../../server/log/spread-log.ts'
import { logContract } from './log-contract.ts'

describe('a log that is spread over three', () => {
  logContract({
    make: options => spreadLog(Array.from({ length: 3 }, () => memoryLog(options))),
    histories: 200,
  })
})

describe('a log that is spread over one', () => {
  logContract({ make: options => spreadLog([memoryLog(options)]), histories: 20 })
})

describe('topics', () => {
  const names = Array.from({ length: 20_000 }, (_, n) => `room:${n}`)

  it.each([2, 3, 12, 16])('are spread evenly over %i', count => {
    const sizes = new Array<number>(count).fill(0)
    for (const name of names) sizes[spaceIn(count, name)] = (sizes[spaceIn(count, name)] ?? 0) + 1
    const fair = names.length / count
    for (const size of sizes) expect(Math.abs(size - fair)).toBeLessThan(fair / 10)
  })

  it('stay where they are when one more is added, but for those that it takes as its share', () => {
    const moved = names.filter(name => spaceIn(3, name) !== spaceIn(4, name))
    expect(moved.every(name => spaceIn(4, name) === 3)).toBe(true)
    expect(moved.length / names.length).toBeCloseTo(1 / 4, 1)
  })

  it('are where they are on all nodes and in all releases', () => {
    const found = ['lobby', 'room:42', '한국어', 'a{room}b', '{room}', 'rt.to.abc', 'rt.presence'].map(name =>
      spaceIn(5, name),
    )
    expect(found).toMatchInlineSnapshot(`
      [
        3,
        0,
        1,
        1,
        1,
        1,
        0,
      ]
    `)
  })
})

describe('a spread log refuses', () => {
  const log = memoryLog()
  it.each<[string, unknown, RegExp]>([
    ['an empty list', [], /is given no logs/],
    ['no list', undefined, /is given no logs/],
    ['what is no log', [log, { url: 'x' }], /^number 1 of spreadLog is \[object Object\]/],
    ['nothing in the list', [undefined], /^number 0 of spreadLog is undefined/],
    ['the same log twice', [log, log], /^number 1 of spreadLog is there twice/],
    ['one that is spread itself', [spreadLog([log])], /^number 0 of spreadLog is spread itself/],
  ])('%s', (_, logs, words) => {
    expect(() => spreadLog(logs as Log[])).toThrow(TypeError)
    expect(() => spreadLog(logs as Log[])).toThrow(words)
  })
})
