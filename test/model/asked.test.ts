/** Answers come once, whatever happens between the question and the answer, over each transport. */
import { describe, expect, test } from 'vitest'
import type { Via } from './network.ts'
import { answersOf, play } from './play.ts'
import type { Script, Step } from './script.ts'

const vias: Exclude<Via, 'post'>[] = ['websocket', 'eventsource', 'xhr-streaming', 'long-polling', 'jsonp']

const faults: [what: string, steps: Step[]][] = [
  ['nothing happens', [[{ send: 3 }, 1_000]]],
  [
    'the replies to POSTs are lost',
    [
      [{ posts: 'repliesLost', count: 2 }, 0],
      [{ send: 3 }, 5_000],
    ],
  ],
  [
    'POSTs are lost and others come twice',
    [
      [{ posts: 'lost', count: 1 }, 0],
      [{ posts: 'doubled', count: 2 }, 0],
      [{ send: 3 }, 5_000],
    ],
  ],
  [
    'all is cut while the application works',
    [
      [{ work: 500 }, 0],
      [{ send: 3 }, 700],
      ['cut all', 5_000],
    ],
  ],
  [
    'what is said down is held back, and then cut',
    [
      [{ stall: 3_000, which: 0 }, 0],
      [{ send: 3 }, 300],
      ['cut all', 5_000],
    ],
  ],
  [
    'the page is put aside and comes back',
    [
      [{ send: 3 }, 0],
      ['park', 1_000],
      ['wake', 1_000],
    ],
  ],
]

describe.each(vias)('over %s', via => {
  test.each(faults)('each question is answered once when %s', async (_, steps) => {
    const script: Script = {
      transports: [via],
      eager: true,
      seed: 0,
      steps: [[{ publish: 1 }, 1_000], ...steps],
    }
    expect(await play(script)).toEqual([])
    const outcomes = await answersOf(script)
    expect(outcomes[0]).toBe('taken')
    expect(outcomes.filter(outcome => outcome !== 'taken')).toEqual([])
  })

  test.each<[string, Step]>([
    ['the server forgets its sessions', ['forget sessions', 0]],
    ['the server begins anew with an empty log', [{ restart: 'new', away: 200 }, 0]],
  ])('a question is in doubt when %s before the answer is there', async (_, fault) => {
    const steps: Step[] = [[{ publish: 1 }, 1_000], [{ work: 30_000 }, 0], [{ send: 3 }, 1_000], fault]
    const script: Script = { transports: [via], eager: true, seed: 0, steps }
    expect(await play(script)).toEqual([])
    expect((await answersOf(script))[0]).toBe('IN_DOUBT')
  })
})
