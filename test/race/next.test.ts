import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Proof } from '../../src/contracts/dialect.ts'
import type { Failure } from '../../src/contracts/failure.ts'
import type { Transport } from '../../src/contracts/transport.ts'
import { next } from '../../src/race/next.ts'
import type { Contest, Race, Signal, Terms } from '../../src/race/state.ts'

const [socket, stream, poll] = ['websocket', 'xhr-streaming', 'long-polling'].map(
  name => ({ name, supports: () => true, open: () => ({ close() {} }) }) as unknown as Transport,
) as [Transport, Transport, Transport]
const transports = [socket, stream, poll]

const cut: Failure = { kind: 'cut', code: 'test' }
const refused: Failure = { kind: 'refused', code: 'test' }
const forbidden: Failure = { kind: 'status', code: 'test', status: 403, scope: 'line' }

const proof: Proof = { need: 'tick', apart: 150, within: 600 }

/** Terms at a time; all else as where nothing was learned yet. */
function at(now: number, other: Partial<Terms> = {}): Terms {
  return {
    now: () => now,
    transports,
    overlap: true,
    eager: false,
    isCold: () => false,
    stagger: () => 300,
    proof: () => proof,
    isCooling: () => false,
    isLeft: () => false,
    isStray: () => false,
    isSocketOpen: () => false,
    ...other,
  }
}

function begun(queue = transports): Race {
  return {
    name: 'racing',
    queue,
    candidates: [],
    failures: [],
    begun: 0,
    rest: 'due',
    pause: 5_000,
  }
}

/** Follows signals, each with the time at which it comes. */
function follow(race: Race, signals: readonly [number, Signal][], terms: Partial<Terms> = {}): Race {
  return signals.reduce((state, [now, signal]) => next(state, signal, at(now, terms)), race)
}

/** `websocket connecting, xhr-streaming receiving*`: the candidates, of which the one with a star is active. */
function seen(race: Race): string {
  const { candidates, active } = race as Contest
  if (!candidates) return race.name
  const each = candidates.map(
    ({ id, transport, phase }) => `${transport.name} ${phase}${id === active ? '*' : ''}`,
  )
  return `${race.name}: ${each.join(', ')}`
}

/** Whether what carries the race out could tell it this now. */
function canHappen(race: Race, signal: Signal): boolean {
  if (!('id' in signal) || !('candidates' in race)) return true
  const phase = race.candidates.find(({ id }) => id === signal.id)?.phase
  const after = { spent: 'connecting', released: 'holding', overdue: 'receiving' } as Record<string, string>
  if (signal.type === 'arrived') return phase === 'connecting' || phase === 'accepted'
  if (signal.type === 'verified') return phase === 'receiving' || phase === 'stalled'
  return phase !== undefined && phase === (after[signal.type] ?? phase)
}

const due: Signal = { type: 'due' }
const accepted = (id: number): Signal => ({ type: 'accepted', id })
const arrived = (id: number): Signal => ({ type: 'arrived', id })
const verified = (id: number): Signal => ({ type: 'verified', id })
const released = (id: number): Signal => ({ type: 'released', id })
const overdue = (id: number): Signal => ({ type: 'overdue', id })
const failed = (id: number, failure = refused): Signal => ({ type: 'failed', id, failure, opened: true })

const two = follow(begun(), [
  [0, due],
  [300, due],
])
const talking = follow(begun([socket, stream]), [
  [0, due],
  [300, due],
  [320, accepted(1)],
  [320, failed(0)],
  [330, arrived(1)],
])
const carried = next(talking, verified(1), at(500))
const upgrading = follow(carried, [[5_500, { type: 'upgrade' }]])
const awaiting = { ...begun(), awaited: socket } as Race

/** The second is heard a moment before the better first, which is accepted. */
const ahead: [number, Signal][] = [
  [0, due],
  [100, due],
  [110, accepted(0)],
  [150, accepted(1)],
  [150, arrived(1)],
]

describe('a race', () => {
  test.each<[string, Race, [number, Signal][], string]>([
    ['begins its first', begun(), [[0, due]], 'racing: websocket connecting'],
    [
      'is joined by the next',
      begun(),
      [
        [0, due],
        [300, due],
      ],
      'racing: websocket connecting, xhr-streaming connecting',
    ],
    [
      'goes on at once when one fails',
      begun(),
      [
        [0, due],
        [10, failed(0)],
      ],
      'racing: xhr-streaming connecting',
    ],
    [
      'waits for those under way when nobody is left to begin',
      begun([socket]),
      [
        [0, due],
        [300, due],
      ],
      'racing: websocket connecting',
    ],
    ['begins nobody beside one that receives', talking, [[700, due]], 'racing: xhr-streaming receiving*'],
    [
      'concludes when the last has failed',
      begun([socket]),
      [
        [0, due],
        [1, failed(0)],
      ],
      'concluding',
    ],
    ['ends at once where all would be told the same', two, [[310, failed(0, forbidden)]], 'ended'],
    ['gives a better one a moment', begun(), ahead, 'racing: websocket accepted, xhr-streaming holding'],
    [
      'lets the better one go first',
      begun(),
      [...ahead, [160, arrived(0)], [160, verified(0)]],
      'delivering: websocket verified*',
    ],
    [
      'takes what was held when the moment is over',
      begun(),
      [...ahead, [200, released(1)]],
      'racing: websocket accepted, xhr-streaming receiving*',
    ],
    [
      'takes what was held when the better one fails',
      begun(),
      [...ahead, [170, failed(0)]],
      'racing: xhr-streaming receiving*',
    ],
    [
      'keeps a better one that was accepted',
      begun(),
      [...ahead, [200, released(1)], [400, verified(1)]],
      'delivering: websocket accepted, xhr-streaming verified*',
    ],
    [
      'goes on when a proof is overdue',
      { ...talking, queue: [poll] } as Race,
      [[900, overdue(1)]],
      'racing: xhr-streaming stalled*, long-polling connecting',
    ],
    [
      'takes a proof that is late',
      { ...talking, queue: [poll] } as Race,
      [
        [900, overdue(1)],
        [950, verified(1)],
      ],
      'delivering: xhr-streaming verified*',
    ],
    [
      'hears the other that receives when the active one fails',
      begun(),
      [...ahead, [200, released(1)], [210, arrived(0)], [220, failed(1)]],
      'racing: websocket receiving*',
    ],
    [
      'has the one deliver whose proof came',
      talking,
      [[500, verified(1)]],
      'delivering: xhr-streaming verified*',
    ],
    [
      'tries a better one beside it',
      carried,
      [[5_500, { type: 'upgrade' }]],
      'delivering: xhr-streaming verified*, websocket connecting',
    ],
    [
      'goes on delivering when the better one fails',
      upgrading,
      [[5_600, failed(2)]],
      'delivering: xhr-streaming verified*',
    ],
    [
      'goes on delivering when the better one holds back its proof',
      upgrading,
      [
        [5_600, accepted(2)],
        [5_610, arrived(2)],
        [7_000, overdue(2)],
      ],
      'delivering: xhr-streaming verified*',
    ],
    [
      'changes over when the better one is verified',
      upgrading,
      [
        [5_600, accepted(2)],
        [5_610, arrived(2)],
        [5_800, verified(2)],
      ],
      'delivering: websocket verified*',
    ],
    ['concludes when the one that delivers is cut', carried, [[900, failed(1, cut)]], 'concluding'],
    [
      'leaves one that holds back what is newest',
      carried,
      [[900, { type: 'held-back', queue: [poll] }]],
      'racing: xhr-streaming stalled*, long-polling connecting',
    ],
    [
      'asks whether it is an outage when what worked fails',
      awaiting,
      [
        [0, due],
        [10, failed(0)],
      ],
      'doubting: ',
    ],
    [
      'goes on when plain HTTP gets through',
      awaiting,
      [
        [0, due],
        [10, failed(0)],
        [20, { type: 'probed', answered: true }],
      ],
      'racing: xhr-streaming connecting',
    ],
    [
      'ends when it is an outage',
      awaiting,
      [
        [0, due],
        [10, failed(0)],
        [20, { type: 'probed', answered: false }],
      ],
      'ended',
    ],
    [
      'passes over one whose attempts are used up',
      begun(),
      [
        [0, due],
        [0, { type: 'spent', id: 0 }],
      ],
      'racing: xhr-streaming connecting',
    ],
    [
      'tries that one when all others were answered otherwise',
      begun([socket, poll]),
      [
        [0, due],
        [0, { type: 'spent', id: 0 }],
        [10, failed(1, { kind: 'content', code: 'test' })],
      ],
      'racing: websocket connecting',
    ],
    [
      'lets it rest in an outage',
      begun([socket, poll]),
      [
        [0, due],
        [0, { type: 'spent', id: 0 }],
        [10, failed(1)],
      ],
      'concluding',
    ],
    [
      'hears nothing of a candidate that it has no more',
      carried,
      [
        [900, failed(0)],
        [901, arrived(0)],
      ],
      'delivering: xhr-streaming verified*',
    ],
    [
      'ends with what its failures come to',
      begun([socket]),
      [
        [0, due],
        [1, failed(0)],
        [2, { type: 'concluded', failure: refused }],
      ],
      'ended',
    ],
    [
      'is over once it is closed',
      carried,
      [
        [900, { type: 'close' }],
        [901, due],
      ],
      'ended',
    ],
  ])('%s', (_, race, signals, result) => {
    expect(seen(follow(race, signals))).toBe(result)
  })

  test('where candidates may not overlap, those that wait begin again later', () => {
    const race = follow(begun(), [...ahead, [200, released(1)]], { overlap: false })
    expect(seen(race)).toBe('racing: xhr-streaming receiving*')
    expect(race).toMatchObject({ queue: [socket, poll] })
  })

  test('one that would begin anew is not kept beside one that receives', () => {
    const race = follow(begun(), [...ahead, [200, released(1)]], { isCold: () => true })
    expect(seen(race)).toBe('racing: xhr-streaming receiving*')
  })

  test('the pauses between upgrades double, and are short again once the network is back', () => {
    const failing: [number, Signal][] = [
      [5_500, { type: 'upgrade' }],
      [5_600, failed(2)],
    ]
    expect(carried).toMatchObject({ upgrade: { queue: [socket], after: 5_000 }, pause: 10_000 })
    const later = follow(carried, failing)
    expect(later).toMatchObject({ upgrade: { queue: [socket], after: 10_000 }, pause: 20_000 })
    expect(next(later, { type: 'online' }, at(6_000))).toMatchObject({ upgrade: { after: 0 }, pause: 10_000 })
  })

  test('what worked before an outage is tried again at once', () => {
    expect(next(talking, verified(1), at(500, { isStray: () => true }))).toMatchObject({
      upgrade: { after: 0 },
    })
  })

  test('an eager page begins two, waits for a better one that was accepted, and for no other, which it tries again as soon as it can', () => {
    const both: [number, Signal][] = [[0, due]]
    const eager = { eager: true }
    expect(seen(follow(begun(), both, eager))).toBe('racing: websocket connecting, xhr-streaming connecting')
    expect(seen(follow(begun(), [...both, [10, accepted(0)], [20, arrived(1)]], eager))).toBe(
      'racing: websocket accepted, xhr-streaming holding',
    )
    const prompt: [number, Signal][] = [...both, [20, arrived(1)]]
    expect(seen(follow(begun(), prompt, { ...eager, isCold: () => true }))).toBe(
      'racing: xhr-streaming receiving*',
    )
    expect(follow(begun(), [...prompt, [500, verified(1)]], eager)).toMatchObject({ upgrade: { after: 0 } })
  })

  test.each([
    ['cut too often', { isCooling: (transport: Transport) => transport === socket }],
    ['said to hold back', { isLeft: (transport: Transport) => transport === socket }],
  ])('no upgrade is tried to what was %s', (_, terms) => {
    expect(next(talking, verified(1), at(500, terms))).toMatchObject({ upgrade: { queue: [] } })
  })

  test('whatever comes in whatever order, one at most is verified, and the active one is there', () => {
    const id = fc.nat(5)
    const queue = fc.shuffledSubarray(transports)
    const failure = fc.constantFrom(cut, refused, forbidden, { kind: 'content', code: 'test' } as Failure)
    const any: fc.Arbitrary<Signal> = fc.oneof(
      fc.constantFrom<Signal>(due, due, { type: 'upgrade' }, { type: 'online' }),
      fc.record({ type: fc.constant('probed' as const), answered: fc.boolean() }),
      fc.record({ type: fc.constant('held-back' as const), queue }),
      fc.record({ type: fc.constantFrom('accepted' as const, 'spent' as const), id }),
      fc.record({ type: fc.constantFrom('arrived' as const, 'released' as const), id }),
      fc.record({ type: fc.constantFrom('verified' as const, 'overdue' as const), id }),
      fc.record({ type: fc.constant('failed' as const), id, failure, opened: fc.boolean() }),
    )
    fc.assert(
      fc.property(queue, fc.array(any, { maxLength: 40 }), fc.boolean(), (ways, signals, overlap) => {
        let race = begun(ways)
        ;[due, ...signals].forEach((signal, i) => {
          if (!canHappen(race, signal)) return
          race = next(race, signal, at(i * 100, { overlap }))
          if (race.name !== 'racing' && race.name !== 'delivering') return
          const { candidates, active } = race
          expect(new Set(candidates.map(({ id }) => id)).size).toBe(candidates.length)
          const isVerified = candidates.filter(({ phase }) => phase === 'verified')
          expect(isVerified.map(({ id }) => id)).toEqual(race.name === 'delivering' ? [active] : [])
          if (active !== undefined) expect(candidates.map(({ id }) => id)).toContain(active)
          expect(candidates).not.toEqual([])
        })
      }),
    )
  })
})
