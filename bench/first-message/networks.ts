/** What lies between browser and server, and what is asked of Throughline there. */
export interface Network {
  readonly name: string
  readonly title: string
  readonly what: string
  /** A box that speaks HTTP. Without one, browser and server are neighbours. */
  readonly box?: Box
  /** Milliseconds that each byte travels, each way; a new connection costs a round trip. */
  readonly latency?: number
  /** The best that a browser has of its own here: what ratios are to. */
  readonly reference: 'native WebSocket' | 'native EventSource' | 'one poll'
}

export interface Box {
  /** What becomes of WebSocket handshakes. */
  readonly sockets: 'refused' | 'swallowed' | 'silent' | 'cut'
  /** No part of an answer is passed before it is complete. */
  readonly buffers?: true
}

export const networks: readonly Network[] = [
  {
    name: 'clean',
    title: 'Clean',
    what: 'nothing between browser and server',
    reference: 'native WebSocket',
  },
  {
    name: 'refused',
    title: 'WebSocket refused',
    what: 'a box answers WebSocket handshakes with 400',
    box: { sockets: 'refused' },
    reference: 'native EventSource',
  },
  {
    name: 'swallowed',
    title: 'WebSocket swallowed',
    what: 'a box takes WebSocket handshakes and never answers',
    box: { sockets: 'swallowed' },
    reference: 'native EventSource',
  },
  {
    name: 'swallowed-buffered',
    title: 'WebSocket swallowed, streams buffered',
    what: 'as before, and it passes no answer before it is complete',
    box: { sockets: 'swallowed', buffers: true },
    reference: 'one poll',
  },
  {
    name: 'silent',
    title: '101, then silence',
    what: "a box passes the server's 101 and nothing after it, either way",
    box: { sockets: 'silent' },
    reference: 'native EventSource',
  },
  {
    name: 'cut',
    title: '101, then cut',
    what: "a box passes the server's 101 and hangs up",
    box: { sockets: 'cut' },
    reference: 'native EventSource',
  },
  {
    name: 'far',
    title: '100 ms round trip',
    what: 'each byte travels 50 ms each way, and a new connection costs a round trip more',
    latency: 50,
    reference: 'native WebSocket',
  },
]
