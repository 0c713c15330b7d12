import type { SocketHooks, SocketPeer } from '../server/index.ts'

/** The way between pages and the hub, which a test can break. */
export interface Network {
  /** As the global one, but that it leads to the hub. */
  fetch: typeof fetch
  /** Opens a socket there. Rejects where there is none to be had. */
  open(request: Request, ends: Ends): Promise<Socket>
  cut(): void
  offline(): void
  online(): void
}

/** The page's end of a socket. */
export interface Ends {
  heard(text: string): void
  closed(code: number, reason: string): void
}

/** The other end. */
export interface Socket {
  readonly protocol: string
  /** The page hears from now on. */
  begin(): void
  send(data: unknown): void
  close(): void
}

interface Served {
  readonly crossws: SocketHooks
  fetch(request: Request): Promise<Response>
}

/** Nothing came back: "a network error" in the words of the Fetch standard. */
const lost = () => new TypeError('Failed to fetch')

export function createNetwork(hub: Served): Network {
  let isOnline = true
  /** What breaks each channel that is open. */
  const open = new Set<() => void>()
  return {
    fetch: load,
    open: openSocket,
    cut,
    offline() {
      isOnline = false
      cut()
    },
    online() {
      isOnline = true
    },
  }

  function cut(): void {
    for (const end of [...open]) end()
  }

  async function load(input: Request | URL | string, init?: RequestInit): Promise<Response> {
    if (!isOnline) throw lost()
    const left = new AbortController()
    const request = new Request(input, init)
    const signal = AbortSignal.any([left.signal, request.signal])
    return new Promise((resolve, reject) => {
      const end = () => {
        open.delete(end)
        left.abort()
        reject(lost())
      }
      const leave = () => {
        open.delete(end)
        reject(request.signal.reason)
      }
      open.add(end)
      if (request.signal.aborted) return leave()
      request.signal.addEventListener('abort', leave, { once: true })
      void hub.fetch(new Request(request, { signal })).then(response => {
        if (!response.body) {
          open.delete(end)
          return resolve(response)
        }
        resolve(
          new Response(
            breakable(response.body, left.signal, () => open.delete(end)),
            response,
          ),
        )
      })
    })
  }

  async function openSocket(request: Request, ends: Ends): Promise<Socket> {
    if (!isOnline) throw lost()
    const answer = await hub.crossws.upgrade(request)
    if (answer instanceof Response) throw lost()
    let isOpen = true
    const end = (code: number, reason = '') => {
      if (!isOpen) return
      isOpen = false
      open.delete(broken)
      hub.crossws.close(peer)
      ends.closed(code, reason)
    }
    const broken = () => end(1006)
    const peer: SocketPeer = {
      request,
      context: answer.context,
      send: text => queueMicrotask(() => isOpen && ends.heard(text)),
      close: (code = 1005, reason) => queueMicrotask(() => end(code, reason)),
      terminate: broken,
    }
    open.add(broken)
    return {
      protocol: answer.headers['sec-websocket-protocol'] ?? '',
      begin: () => hub.crossws.open(peer),
      send: data => queueMicrotask(() => isOpen && hub.crossws.message(peer, { rawData: data })),
      close: () => end(1000),
    }
  }
}

/** The body, until it is broken. */
function breakable(
  body: ReadableStream<Uint8Array>,
  broken: AbortSignal,
  over: () => void,
): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  return new ReadableStream({
    start(stream) {
      broken.addEventListener('abort', () => {
        stream.error(lost())
        void reader.cancel().catch(() => {})
      })
    },
    async pull(stream) {
      const { done, value } = await reader.read()
      if (broken.aborted) return
      if (!done) return stream.enqueue(value)
      over()
      stream.close()
    },
    async cancel(reason) {
      over()
      await reader.cancel(reason)
    },
  })
}
