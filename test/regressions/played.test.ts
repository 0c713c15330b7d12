/** What the model test has found, each as the script it shrank to. The name is what somebody would have seen. */
import { expect, test } from 'vitest'
import { play, playAndClose } from '../model/play.ts'
import type { Script } from '../model/script.ts'

const played: [symptom: string, script: Script, game?: typeof play][] = [
  [
    'messages come twice after the log began anew, when two channels tell of it',
    {
      transports: ['eventsource', 'jsonp'],
      eager: true,
      seed: 0,
      steps: [
        [{ stall: 300, which: 0 }, 5_000],
        [{ restart: 'new', away: 0 }, 0],
        [{ publish: 1 }, 0],
      ],
    },
  ],
  [
    'messages come twice when a late channel leads back into a life of the log that a gap led out of',
    {
      transports: ['websocket', 'eventsource', 'xhr-streaming', 'long-polling', 'jsonp'],
      eager: true,
      seed: 4829,
      steps: [
        [{ posts: 'repliesLost', count: 1 }, 30_000],
        [{ latency: 0, jitter: 4_000 }, 0],
        ['trim', 0],
        [{ restart: 'new', away: 0 }, 30_000],
      ],
    },
  ],
  [
    'a message is acknowledged and never taken, when two channels were given a session each',
    {
      transports: ['websocket', 'xhr-streaming', 'jsonp'],
      eager: true,
      seed: 0,
      steps: [
        [{ outage: false }, 30_000],
        ['park', 0],
        [{ posts: 'repliesLost', count: 1 }, 130_000],
      ],
    },
  ],
  [
    'a message is taken twice, when two channels were given a session each',
    {
      transports: ['websocket', 'eventsource'],
      eager: true,
      seed: 0,
      steps: [
        [{ send: 1, size: 250 }, 1_000],
        [{ restart: 'same', away: 0 }, 0],
        [{ send: 1, size: 250 }, 30_000],
        [{ send: 1 }, 0],
        ['park', 0],
        [{ posts: 'repliesLost', count: 1 }, 350],
      ],
    },
    playAndClose,
  ],
  [
    'a message is acknowledged and never taken, when the line goes back into a session that it had left',
    {
      transports: ['websocket', 'eventsource', 'jsonp'],
      eager: true,
      seed: 6,
      steps: [
        [{ throttle: true }, 0],
        [{ cut: 'clean', which: 2 }, 10],
        ['online', 0],
        [{ cut: 'clean', which: 1 }, 350],
        [{ restart: 'same', away: 0 }, 0],
        [{ stall: 300, which: 0 }, 30_000],
        [{ latency: 0, jitter: 4_000 }, 0],
        [{ send: 1, size: 250 }, 30_000],
        ['cut all', 0],
        ['wake', 5_000],
        ['wake', 5_000],
      ],
    },
  ],
  [
    'a line says that it is open when half a greeting came',
    {
      transports: ['xhr-streaming', 'jsonp'],
      eager: false,
      seed: 0,
      steps: [
        [{ send: 1 }, 0],
        [{ cut: 'halfway', which: 0 }, 0],
        [{ publish: 1 }, 0],
      ],
    },
  ],
  [
    'sends wait for ever behind a POST that nobody answers',
    {
      transports: ['xhr-streaming', 'jsonp'],
      eager: false,
      seed: 0,
      steps: [
        [{ weather: 'swallowed', on: 'post' }, 5_000],
        ['online', 0],
      ],
    },
  ],
  [
    'a line gives up for good when WebSocket, which worked, has failed too often to be tried',
    {
      transports: ['websocket', 'long-polling'],
      eager: false,
      seed: 0,
      steps: [
        ['wake', 130_000],
        [{ restart: 'same', away: 10_000 }, 0],
        ['cut all', 5_000],
        [{ latency: 4_000, jitter: 0 }, 0],
        ['mute all', 30_000],
        ['fair weather', 30_000],
      ],
    },
  ],
]

test.each(played)('%s', async (_, script, game = play) => {
  expect(await game(script)).toEqual([])
})
