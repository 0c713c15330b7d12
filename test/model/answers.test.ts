import { expect, test } from 'vitest'
import { play } from './play.ts'
import type { Script, Step } from './script.ts'

/** Each was a message that was taken twice, or that the page was told was taken and was not. */
const seen: [what: string, Omit<Script, 'steps'> & { steps: Step[] }][] = [
  [
    'a POST that waited for another goes to the session whose number it has',
    {
      transports: ['websocket', 'long-polling'],
      eager: true,
      seed: 3680,
      steps: [
        [{ stall: 300, which: 0 }, 0],
        [{ weather: 'deaf', on: 'websocket' }, 130_000],
        ['wake', 0],
        [{ publish: 1 }, 0],
        ['forget sessions', 0],
        [{ latency: 0, jitter: 100 }, 0],
        [{ send: 4 }, 0],
        [{ send: 4 }, 0],
        ['cut all', 100],
      ],
    },
  ],
  [
    'an answer to another session than the one in use says nothing about its messages',
    {
      transports: ['xhr-streaming', 'jsonp'],
      eager: true,
      seed: 0,
      steps: [
        [{ outage: false }, 1_000],
        ['farewell', 0],
        [{ send: 4 }, 0],
      ],
    },
  ],
  [
    'a refusal whose answer nobody heard is told again, also to a page that went on sending as it was put aside',
    {
      transports: ['long-polling'],
      eager: false,
      seed: 0,
      steps: [
        [{ send: 2 }, 0],
        [{ posts: 'repliesLost', count: 1 }, 5_000],
        ['park', 0],
        [{ send: 3 }, 0],
        [{ send: 1 }, 0],
      ],
    },
  ],
]

test.each(seen)('%s', async (_, script) => {
  expect(await play(script)).toEqual([])
})
