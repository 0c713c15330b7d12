import { createServer, type Server, type Socket } from 'node:net'

/** One request as it came. */
export interface Came {
  readonly method: string
  readonly path: string
  readonly headers: Record<string, string>
  readonly body: string
}

/** What is done with a request: bytes are written as they are. */
export type Act = (came: Came, socket: Socket) => unknown

export interface RawServer extends AsyncDisposable {
  readonly url: string
  /** The requests, in the order in which they came. */
  readonly came: Came[]
}

/** A server that says exactly what it is told to, byte for byte. Each connection carries one request. */
export async function rawServer(act: Act): Promise<RawServer> {
  const came: Came[] = []
  const sockets = new Set<Socket>()
  const server: Server = createServer(socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    let read = Buffer.alloc(0)
    socket.on('data', chunk => {
      read = Buffer.concat([read, chunk])
      const end = read.indexOf('\r\n\r\n')
      if (end < 0) return
      const [line = '', ...rest] = read.subarray(0, end).toString().split('\r\n')
      const headers = Object.fromEntries(
        rest.map(each => [each.slice(0, each.indexOf(':')).toLowerCase(), each.slice(each.indexOf(':') + 2)]),
      )
      const body = read.subarray(end + 4)
      if (body.length < Number(headers['content-length'] ?? 0)) return
      read = Buffer.alloc(0)
      const [method = '', path = ''] = line.split(' ')
      const request = { method, path, headers, body: body.toString() }
      came.push(request)
      act(request, socket)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  return {
    url: `http://127.0.0.1:${port}`,
    came,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

/** What lets pages of other origins read it. */
export const cors = 'Access-Control-Allow-Origin: *\r\nAccess-Control-Allow-Headers: *\r\n'

/** The head of an event stream whose end can be told from a cut: not with `Connection: close` too, of which Node takes any end for a good one. */
export const head = `HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n${cors}\r\n`

/** A chunk of it. */
export function chunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
}

/** Its end. */
export const last = '0\r\n\r\n'

/** A whole answer of another kind. */
export function answer(status: number, body: string, headers: Record<string, string> = {}): string {
  const lines = Object.entries({
    'Content-Length': `${Buffer.byteLength(body)}`,
    Connection: 'close',
    ...headers,
  })
  return `HTTP/1.1 ${status} x\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}${cors}\r\n${body}`
}
