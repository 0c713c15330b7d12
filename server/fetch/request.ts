import type { IncomingHttpHeaders } from 'node:http'
import type { Incoming, Origin } from '../wire/exchange.ts'

/** What a platform knows of a request beside it. */
export interface FetchInfo {
  /**
   * The client's address, where the platform tells: `server.requestIP(request)?.address` in Bun, `info.remoteAddr.hostname` in Deno. Limits for each
   * client count by it. Behind a proxy, `trustProxy` reads it from the headers.
   * @default '' nobody tells, and no client is told apart by its address
   */
  address?: string | undefined
}

/** Makes a request of Node's kind of one of the web's. */
export function createIncoming(request: Request, { address = '' }: FetchInfo): Incoming {
  const { host, pathname, search, protocol } = new URL(request.url)
  const headers: IncomingHttpHeaders = { host }
  for (const [name, value] of request.headers) headers[name] = value
  const socket: Origin = { remoteAddress: address, ...(protocol === 'https:' && { encrypted: true }) }
  const incoming: Incoming = {
    method: request.method,
    url: pathname + search,
    headers,
    // The platform speaks to the client: what concerns its connection is not ours.
    httpVersionMajor: 2,
    complete: true,
    get readableDidRead() {
      return request.bodyUsed
    },
    socket,
    iterator: () => bytesOf(request.body),
    on: () => incoming,
    once: () => incoming,
    resume: () => incoming,
  }
  return incoming
}

async function* bytesOf(body: Request['body']): AsyncIterable<Buffer> {
  const reader = body?.getReader()
  try {
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true, value: undefined }
      if (done) return
      yield Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    }
  } finally {
    reader?.releaseLock()
  }
}
