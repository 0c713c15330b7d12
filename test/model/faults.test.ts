/** Faults of docs/faults.md that take hours, or a network that no test machine has: played in virtual time, over each transport. */
import { describe, expect, test } from 'vitest'
import { play } from './play.ts'
import type { Deed, Script, Step } from './script.ts'

const vias = ['websocket', 'eventsource', 'xhr-streaming', 'long-polling', 'jsonp'] as const
const minute = 60_000

/** Something goes both ways, before, meanwhile and after. */
const traffic: readonly Step[] = [
  [{ publish: 3 }, 10],
  [{ send: 3 }, 10],
]

const faults: Record<string, readonly Step[]> = {
  'latency of 5 s, 4 more or less,': [
    [{ latency: 1_000, jitter: 8_000 }, 0],
    ...times(6, [...traffic, ['fair weather', 15_000]]),
  ],
  'a network that swallows all from now on': [['mute all', 0], ...traffic, ['fair weather', 2 * minute]],
  'a socket that says OPEN but is dead when somebody sends': [
    ['fair weather', 10 * minute],
    ['mute all', 0],
    [{ send: 3 }, minute],
  ],
  'an outage, noticed by nobody until the network is back,': [
    [{ outage: true }, 0],
    ...traffic,
    ['cut all', 5 * minute],
    [{ outage: false }, 0],
    ['online', 5_000],
  ],
  ...Object.fromEntries(
    [10_000, 55_000, minute].map(patience => [
      `a box that cuts what is idle for ${patience / 1_000} s`,
      times(5, [...traffic, ['fair weather', patience], ['cut all', 0]]),
    ]),
  ),
  'a box that cuts everything every 5 s': times(12, [...traffic, ['fair weather', 5_000], ['cut all', 0]]),
  'ten minutes in a hidden tab': [
    [{ throttle: true }, 0],
    ...times(10, [...traffic, ['fair weather', minute]]),
    [{ throttle: false }, 0],
  ],
  'ten minutes frozen': [...traffic, [{ sleep: 10 * minute, published: 6 }, 0], ['wake', 0]],
  'eight hours of sleep': [...traffic, [{ sleep: 480 * minute, published: 12 }, 0], ['wake', 0]],
  'a page put aside for ten minutes and shown again': [
    ...traffic,
    ['park', 0],
    [{ publish: 6 }, 10 * minute],
    ['wake', 0],
  ],
  'answers to POSTs that are lost': [[{ posts: 'repliesLost', count: 3 }, 0], ...times(5, traffic)],
  'POSTs that are lost': [[{ posts: 'lost', count: 3 }, 0], ...times(5, traffic)],
  'POSTs that arrive twice': [[{ posts: 'doubled', count: 5 }, 0], ...times(5, traffic)],
  'a server that dies between taking and acknowledging': [
    [{ work: 3_000 }, 0],
    [{ send: 3 }, 1_000],
    [{ restart: 'same', away: 200 }, 0],
    ...traffic,
  ],
  'a server that comes back without its log': [...traffic, [{ restart: 'new', away: 200 }, 0], ...traffic],
  'a log that was trimmed past the cursor': [...traffic, ['trim', 0], ...traffic],
}

describe.each(Object.entries(faults))('%s', (_, steps) => {
  test.each(vias)('loses and doubles nothing that no gap declares, over %s', async via => {
    expect(await play(script([via], steps))).toEqual([])
  })

  test('nor over all of them', async () => {
    expect(await play(script(vias, steps))).toEqual([])
  })
})

test('what only goes up is lost: a WebSocket that hears and is not heard is not taken', async () => {
  const deaf: Deed = { weather: 'deaf', on: 'websocket' }
  expect(await play(script(vias, [[deaf, 0], ...traffic, ['online', minute]]))).toEqual([])
})

/** The line has opened and proven itself before anything happens. */
function script(transports: Script['transports'], steps: readonly Step[]): Script {
  return {
    transports,
    eager: false,
    seed: 1,
    steps: [['fair weather', 2_000], ...traffic, ['fair weather', 1_000], ...steps],
  }
}

function times(count: number, steps: readonly Step[]): Step[] {
  return Array.from({ length: count }, () => steps).flat()
}
