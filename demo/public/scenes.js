import { transports } from './words.js'

/** What the network does, one after the other. `lasts`: for so many ms. */
const streams = { eventsource: 'held', 'xhr-streaming': 'held' }

export const scenes = [
  {
    id: 'clear',
    does: 'Let all through',
    words: 'Nothing is in the way.',
    network: { gone: false, ways: {} },
    lasts: 5_000,
  },
  {
    id: 'swallow',
    does: 'Swallow WebSocket',
    words: 'A box swallows WebSockets: their handshakes are never answered.',
    network: { gone: false, ways: { websocket: 'swallowed' } },
    lasts: 6_000,
  },
  {
    id: 'hold',
    does: 'Hold streams back',
    words: 'A proxy holds streams back: nothing of an answer passes before its end.',
    network: { gone: false, ways: { websocket: 'swallowed', ...streams } },
    lasts: 6_000,
  },
  {
    id: 'scripts',
    does: 'Only scripts',
    words: 'A filter refuses whatever is no script.',
    network: {
      gone: false,
      ways: {
        websocket: 'refused',
        eventsource: 'refused',
        'xhr-streaming': 'refused',
        'long-polling': 'refused',
      },
    },
    lasts: 6_000,
  },
  {
    id: 'gone',
    does: 'No network',
    words: 'The network is gone, as in a tunnel.',
    network: { gone: true, ways: {} },
    lasts: 3_000,
  },
]

/** The network of a scene with one way let through, or refused if it was let through. */
export function toggled({ gone, ways }, transport) {
  const { [transport]: obstacle, ...others } = ways
  return { gone, ways: obstacle ? others : { ...ways, [transport]: 'refused' } }
}

/** The best way that a network lets through, if there is one. */
export function bestOf({ gone, ways }) {
  return gone ? undefined : Object.keys(transports).find(transport => !ways[transport])
}
