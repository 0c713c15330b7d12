import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { Outcome } from '../../server/cluster/forward.ts'
import { createReach, type Reach } from '../../server/cluster/reach.ts'

vi.useFakeTimers()

let answers: Outcome
let listed: string[]
let told: string[]
let reach: Reach

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms)

beforeEach(() => {
  answers = 'answered'
  listed = ['one']
  told = []
  reach = createReach(
    {
      others: () => listed,
      addressOf: node => (listed.includes(node) ? `${node}:1` : undefined),
      lost: node => {
        told.push(`lost ${node}`)
        listed = listed.filter(other => other !== node)
      },
    },
    async () => answers,
    address => void told.push(`cut ${address}`),
    address => void told.push(`walled ${address}`),
  )
  return () => reach.close()
})

describe('another node', () => {
  it('is taken to be there until it was asked', () => {
    expect(reach.standing('one')).toBe('there')
    expect(reach.standing('two')).toBe('gone')
  })

  it('that answered and does not any more is silent, what waits for it ends, and it is there again when it answers', async () => {
    await pass(2_000)
    answers = 'silent'
    await pass(4_000)
    expect(reach.standing('one')).toBe('silent')
    answers = 'answered'
    await pass(2_000)
    expect(reach.standing('one')).toBe('there')
    expect(told).toEqual(['cut one:1'])
  })

  it('that never answered is behind a wall, which is told once', async () => {
    answers = 'silent'
    await pass(6_000)
    expect(reach.standing('one')).toBe('walled')
    expect(told).toEqual(['walled one:1'])
  })

  it('at whose address nobody listens is gone', async () => {
    answers = 'absent'
    await pass(2_000)
    expect(reach.standing('one')).toBe('gone')
    expect(told).toEqual(['lost one'])
  })

  it('that has left the list is known no more: whoever comes under its name is asked anew', async () => {
    await pass(2_000)
    listed = []
    await pass(2_000)
    listed = ['one']
    answers = 'silent'
    await pass(2_000)
    expect(reach.standing('one')).toBe('walled')
  })

  it('is there as soon as a request was answered', async () => {
    answers = 'silent'
    await pass(2_000)
    reach.met('one', 'answered')
    expect(reach.standing('one')).toBe('there')
  })
})

it('what breaks off, or is waited for no more, says nothing of a node', async () => {
  await pass(2_000)
  answers = 'silent'
  await pass(2_000)
  reach.met('one', 'broken')
  reach.met('one', 'left')
  expect(reach.standing('one')).toBe('silent')
})
