import { expect, test } from 'vitest'
import { next, type Signal, type State, seeking } from '../../src/tabs/state.ts'

const refused: State = { name: 'seeking', refused: 'one' }
const byOne: State = { name: 'carried', by: 'one' }
const byTwo: State = { name: 'carried', by: 'two' }
const holding: State = { name: 'holding' }
const alone: State = { name: 'alone' }
const over: State = { name: 'over' }

const signals = {
  granted: ['granted'],
  stolen: ['stolen'],
  unable: ['unable'],
  refused: ['refused'],
  ended: ['ended'],
  'holder one': ['holder', 'one'],
  'holder two': ['holder', 'two'],
  'holder not open': ['holder', ''],
} satisfies Record<string, Signal>

// The whole table: where each signal leads from each state. A dot is: it stays.
const table: [State, Record<keyof typeof signals, State | '.'>][] = [
  [
    seeking,
    {
      granted: holding,
      stolen: '.',
      unable: alone,
      refused: '.',
      ended: over,
      'holder one': byOne,
      'holder two': byTwo,
      'holder not open': '.',
    },
  ],
  [
    refused,
    {
      granted: holding,
      stolen: '.',
      unable: alone,
      refused: '.',
      ended: over,
      'holder one': alone,
      'holder two': byTwo,
      'holder not open': '.',
    },
  ],
  [
    byOne,
    {
      granted: holding,
      stolen: '.',
      unable: alone,
      refused,
      ended: over,
      'holder one': '.',
      'holder two': byTwo,
      'holder not open': seeking,
    },
  ],
  [
    holding,
    {
      granted: '.',
      stolen: seeking,
      unable: '.',
      refused: '.',
      ended: over,
      'holder one': '.',
      'holder two': '.',
      'holder not open': '.',
    },
  ],
  ...[alone, over].map((state): (typeof table)[number] => [
    state,
    {
      granted: '.',
      stolen: '.',
      unable: '.',
      refused: '.',
      ended: state === over ? '.' : over,
      'holder one': '.',
      'holder two': '.',
      'holder not open': '.',
    },
  ]),
]

for (const [state, row] of table)
  for (const [name, expected] of Object.entries(row))
    test(`${JSON.stringify(state)}, ${name}`, () => {
      const reached = next(state, signals[name as keyof typeof signals])
      if (expected === '.') expect(reached).toBe(state)
      else expect(reached).toEqual(expected)
    })
