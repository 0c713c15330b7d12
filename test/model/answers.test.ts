import { expect, test } from 'vitest'
import { play } from './play.ts'
import type { Script, Step } from './script.ts'

/** Each was a message that was taken twice, that the page was told was taken and was not, or that another one's answer answered. */
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
  [
    'the answer of a session that is over answers no message of the next',
    {
      transports: ['websocket', 'long-polling'],
      eager: false,
      seed: 0,
      steps: [
        [{ send: 1, size: 250 }, 0],
        [{ outage: true }, 130_000],
        [{ send: 5 }, 0],
        ['trim', 30_000],
        [{ send: 2 }, 0],
        [{ restart: 'same', away: 0 }, 0],
      ],
    },
  ],
  [
    'a loss is told by a channel that is behind another one, which brought an answer before there was a loss',
    {
      transports: ['websocket', 'eventsource', 'xhr-streaming', 'jsonp'],
      eager: false,
      seed: 5,
      steps: [
        [{ restart: 'same', away: 10_000 }, 0],
        [{ work: 0 }, 5_000],
        [{ sleep: 28_800_000, published: 10 }, 0],
        [{ cut: 'clean', which: 2 }, 350],
        ['cut all', 0],
        [{ latency: 0, jitter: 0 }, 0],
        [{ stall: 300, which: 1 }, 10],
        [{ latency: 250, jitter: 4_000 }, 130_000],
        [{ weather: 'swallowed', on: 'websocket' }, 0],
        [{ cut: 'clean', which: 1 }, 130_000],
        [{ publish: 12 }, 0],
        ['mute all', 0],
        [{ posts: 'lost', count: 3 }, 0],
        ['wake', 30_000],
        [{ weather: 'swallowed', on: 'jsonp' }, 0],
        [{ send: 3 }, 0],
        ['trim', 0],
      ],
    },
  ],
]

test.each(seen)('%s', async (_, script) => {
  expect(await play(script)).toEqual([])
})
