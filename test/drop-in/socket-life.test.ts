import { describe, expect, it } from 'vitest'
import { type Life, next, pause } from '../../src/drop-in/socket-life.ts'

const bye = {}
const lives: Life[] = [
  { name: 'connecting', retries: 1 },
  { name: 'open', retries: 1 },
  { name: 'waiting', retries: 1 },
  { name: 'closing', retries: 1, bye },
  { name: 'renewing', retries: 1, bye },
  { name: 'over', retries: 1 },
]

describe('what follows', () => {
  it.each([
    ['opened', { type: 'opened' }, ['open', 'open', 'waiting', 'closing', 'renewing', 'over']],
    ['due', { type: 'due' }, ['connecting', 'open', 'connecting', 'closing', 'renewing', 'over']],
    ['lost', { type: 'lost', again: true }, ['waiting', 'waiting', 'over', 'over', 'waiting', 'over']],
    ['lost for good', { type: 'lost', again: false }, ['over', 'over', 'over', 'over', 'waiting', 'over']],
    ['close', { type: 'close', bye }, ['closing', 'closing', 'over', 'closing', 'closing', 'over']],
    [
      'reconnect',
      { type: 'reconnect', bye },
      ['renewing', 'renewing', 'connecting', 'renewing', 'renewing', 'connecting'],
    ],
  ] as const)('from %s, in each state', (_, signal, names) => {
    expect(lives.map(life => next(life, signal, Infinity).name)).toEqual(names)
  })

  it('counts a try when it begins to wait for it, and gives up after as many as it may', () => {
    const lost = { type: 'lost', again: true } as const
    const [connecting] = lives as [Life]
    expect(next(connecting, lost, 2)).toEqual({ name: 'waiting', retries: 2 })
    expect(next(connecting, lost, 1)).toEqual({ name: 'over', retries: 1 })
  })

  it('counts from 0 once a connection has lasted', () => {
    expect(lives.map(life => next(life, { type: 'lasted' }, 1).retries)).toEqual([1, 0, 1, 1, 1, 1])
  })
})

describe('the pause before a try', () => {
  const pace = { minReconnectionDelay: 100, maxReconnectionDelay: 350, reconnectionDelayGrowFactor: 2 }

  it('is none before the first', () => expect(pause(0, pace, 0.5)).toBe(0))

  it('is at random from the least to one that grows, within the longest', () => {
    const most = [1, 2, 3, 40].map(retries => Math.round(pause(retries, pace, 1)))
    expect(most).toEqual([200, 350, 350, 350])
    expect([1, 2, 3, 40].map(retries => pause(retries, pace, 0))).toEqual([100, 100, 100, 100])
  })

  it('is never longer than the longest, be the least longer', () => {
    expect(pause(3, { ...pace, maxReconnectionDelay: 20 }, 0.9)).toBe(20)
  })
})
