import { expect, it } from 'vitest'
import { createRoaming } from '../../server/sessions/roaming.ts'
import type { Member } from '../../server/sessions/session.ts'

function warnings(turns: readonly number[], isAlone = true): Error[] {
  const warned: Error[] = []
  const roaming = createRoaming(
    what => warned.push(what),
    () => isAlone,
  )
  const member = { turn: 0, skipped: 0 } as Member
  for (const turn of turns) roaming.polled(member, turn)
  return warned
}

it.each([
  { why: 'a client that stays', turns: [0, 1, 2, 3, 4, 5] },
  { why: 'a request that a browser sends twice', turns: [0, 1, 1, 2, 2, 3] },
  {
    why: 'late polls of channels that were left, while the line climbs up and down',
    turns: [0, 1, 2, 0, 3, 1, 0, 2, 0, 3, 1, 0, 9, 1, 0, 9, 1],
  },
])('the polls of $why are no sign of a balancer that is not sticky', ({ turns }) => {
  expect(warnings(turns)).toEqual([])
})

it.each([2, 3, 5])('every %i-th poll of a client is one, unless nodes reach each other', nodes => {
  const turns = Array.from({ length: 10 }, (_, index) => index * nodes)
  expect(warnings(turns)).toHaveLength(1)
  expect(warnings(turns, false)).toEqual([])
})
