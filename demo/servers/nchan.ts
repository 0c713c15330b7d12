import { Agent, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { attachTo } from '../../server/attach.ts'
import { parseJson } from '../json.ts'
import type { Serve, Visitor } from '../live.ts'
import { hasNginx, startNginx } from './nginx.ts'

/** How long a page may be between two requests until it counts as gone, in ms. */
const patience = 3_000

/**
 * Nchan on nginx, behind `/nchan`: this server decides who may come in and passes the rest on, both ways. Nchan gives a
 * message no name on all of its channels, so name and data travel as one.
 */
export const serveNchan: Serve = async (server, people, heard) => {
  if (!hasNginx()) return undefined
  const { port, close } = await startNginx()
  // One at a time, or the order would be that of the sockets.
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const open = new Set<IncomingMessage>()
  const here = new Map<string, number>()
  let refused: readonly string[] = []
  let closed = false
  const detach = attachTo(server, { owns: isOurs, handle, upgrade })

  return {
    name: 'nchan',
    publish,
    refuse(transports) {
      refused = transports
      end(asked => refused.includes(wayOf(asked)))
    },
    cut: () => end(() => true),
    restart: () => end(() => true),
    async close() {
      closed = true
      end(() => true)
      agent.destroy()
      detach()
      await close()
    },
  }

  function publish(topic: string, data: unknown, event = 'message'): void {
    const body = JSON.stringify({ event, data })
    const sending = request({ port, agent, method: 'POST', path: `/pub/${channelOf(topic)}` }, answer =>
      answer.resume(),
    )
    sending.on('error', error => {
      if (!closed) console.error(`Nchan did not take a message: ${error.message}`)
    })
    sending.end(body)
  }

  function handle(asked: IncomingMessage, response: ServerResponse): boolean {
    if (!isOurs(asked)) return false
    const visitor = enter(asked)
    if (typeof visitor === 'number') response.writeHead(visitor).end()
    else if (asked.method === 'POST') void hear(asked, visitor, response)
    else {
      const onward = passOn(asked, visitor)
      onward.on('response', answer => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(response)
      })
      onward.on('error', () => response.destroy())
      response.on('close', () => onward.destroy())
      onward.end()
    }
    return true
  }

  function upgrade(asked: IncomingMessage, socket: Duplex): boolean {
    if (!isOurs(asked)) return false
    socket.on('error', () => {})
    const visitor = enter(asked)
    if (typeof visitor === 'number') {
      socket.end(`HTTP/1.1 ${visitor} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
      return true
    }
    const onward = passOn(asked, visitor)
    onward.on('upgrade', ({ headers }, there, early) => {
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
      socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`)
      socket.write(early)
      there.pipe(socket).pipe(there)
      there.on('error', () => socket.destroy())
      socket.on('close', () => there.destroy())
    })
    onward.on('response', () => socket.destroy())
    onward.on('error', () => socket.destroy())
    onward.end()
    return true
  }

  /** Who asks, or the status that refuses them. */
  function enter(asked: IncomingMessage): Visitor | number {
    const query = queryOf(asked)
    const entered = people.enter(query.get('name'), query.get('page') ?? '')
    if ('status' in entered) return entered.status === 503 ? 503 : 403
    if (asked.method === 'GET' && refused.includes(wayOf(asked))) return 403
    return { id: `nchan ${entered.principal}`, principal: entered.principal }
  }

  function passOn(asked: IncomingMessage, visitor: Visitor) {
    const name = visitor.principal?.slice(visitor.principal.indexOf(' ') + 1) ?? ''
    const path = `/sub/${channelOf('lobby')}/${channelOf(`user:${name}`)}?${queryOf(asked)}`
    attend(asked, visitor)
    return request({ port, path, headers: asked.headers })
  }

  /** Nobody tells whether a page that polls is still there: it is as long as it comes back. */
  function attend(asked: IncomingMessage, visitor: Visitor): void {
    const count = here.get(visitor.id) ?? 0
    here.set(visitor.id, count + 1)
    open.add(asked)
    if (count === 0) heard.opened(visitor)
    asked.socket.once('close', gone)
    asked.once('close', gone)

    function gone(): void {
      if (!open.delete(asked)) return
      setTimeout(() => {
        const left = (here.get(visitor.id) ?? 1) - 1
        here.set(visitor.id, left)
        if (left === 0) heard.closed(visitor)
      }, patience).unref()
    }
  }

  async function hear(asked: IncomingMessage, visitor: Visitor, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of asked) chunks.push(chunk)
    const { event = 'message', data } = parseJson(Buffer.concat(chunks))
    const own = `user:${visitor.principal?.slice(visitor.principal.indexOf(' ') + 1)}`
    await heard.message({ event: `${event}`, data: JSON.stringify(data), session: visitor }, (told, as) =>
      publish(own, JSON.parse(told), as.event),
    )
    response.writeHead(202).end()
  }

  function end(which: (asked: IncomingMessage) => boolean): void {
    for (const asked of open) if (which(asked)) asked.socket.destroy()
  }
}

function isOurs({ url }: IncomingMessage): boolean {
  return url?.split('?', 1)[0] === '/nchan'
}

function queryOf({ url }: IncomingMessage): URLSearchParams {
  return new URL(url ?? '/', 'http://here').searchParams
}

/** Which transport asks: the lab's page adds it to the address. */
function wayOf(asked: IncomingMessage): string {
  return queryOf(asked).get('via') ?? ''
}

/** A topic may hold anything, the name of a channel may not. */
function channelOf(topic: string): string {
  return Buffer.from(topic).toString('hex')
}
