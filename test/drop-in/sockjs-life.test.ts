import { describe, expect, it } from 'vitest'
import { type Life, next, patience } from '../../src/drop-in/sockjs-life.ts'

const end = { code: 1_000, reason: '', wasClean: true }
const lives: Life[] = [
  { name: 'asking' },
  { name: 'connecting', left: 2 },
  { name: 'connecting', left: 1 },
  { name: 'open' },
  { name: 'closing', end },
  { name: 'closed' },
]

describe('what follows', () => {
  it.each([
    [
      'answered',
      { type: 'answered', count: 5 },
      ['connecting', 'connecting', 'connecting', 'open', 'closing', 'closed'],
    ],
    ['opened', { type: 'opened' }, ['asking', 'open', 'open', 'open', 'closing', 'closed']],
    ['lost', { type: 'lost' }, ['closing', 'connecting', 'closing', 'closing', 'closing', 'closed']],
    [
      'dismissed',
      { type: 'dismissed', code: 1, reason: '' },
      ['closing', 'closing', 'closing', 'closing', 'closing', 'closed'],
    ],
    ['close', { type: 'close' }, ['closing', 'closing', 'closing', 'closing', 'closing', 'closed']],
    ['told', { type: 'told' }, ['asking', 'connecting', 'connecting', 'open', 'closed', 'closed']],
  ] as const)('from %s, in each state', (_, signal, names) => {
    expect(lives.map(life => next(life, signal).name)).toEqual(names)
  })

  it('says as sockjs-client does what was lost', () => {
    const ends = [lives[0], lives[2], lives[3]].map(life => next(life as Life, { type: 'lost' }))
    expect(ends).toMatchObject([
      { end: { code: 1_002, reason: 'Cannot connect to server', wasClean: false } },
      { end: { code: 2_000, reason: 'All transports failed', wasClean: false } },
      { end: { code: 1_006, wasClean: false } },
    ])
    expect(next({ name: 'asking' }, { type: 'answered', count: 0 })).toMatchObject({ end: { code: 2_000 } })
  })

  it('tells an error before the end where the page closes it before the server has answered', () => {
    const failed = lives.slice(0, 4).map(life => next(life, { type: 'close' }))
    expect(failed.map(life => 'end' in life && life.end.failed)).toEqual([true, false, false, false])
  })
})

describe('how long a transport may take to open', () => {
  it('grows with the time that the server took, and is what the page allows at least', () => {
    expect([50, 1_000].map(rtt => patience(rtt, 0, 2))).toEqual([2_000, 8_000])
    expect(patience(50, 9_000, 2)).toBe(9_000)
  })

  it('is longer for the last one', () => expect(patience(50, 0, 1)).toBe(5_000))
})
