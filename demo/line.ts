import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { attachTo } from '../server/attach.ts'
import type { TransportName } from '../server/index.ts'
import { startCount } from './count.ts'
import type { Json } from './json.ts'
import { changed, clear, type Network, readNetwork, wayOf } from './network.ts'

/** The line of the first page, through a network that each page has for itself. */
export interface Line {
  /** Puts another network between a page and this server: what is open and passes no more breaks. */
  change(asked: Json): Json
  close(): Promise<void>
}

/** A page's network, by the name that the page has for it, and what is open through it. */
interface Between {
  network: Network
  readonly open: Set<{ way: TransportName | undefined; end(): void }>
}

/** "1001 indicates that an endpoint is going away" (RFC 6455, 7.4.1). A line would leave a way alone that is cut time after time. */
const goingAway = Buffer.from([0x88, 2, 1001 >> 8, 1001 & 0xff])

/** How many networks are remembered; those that nobody uses are forgotten first. */
const most = 1_000

export function createLine(server: Server): Line {
  const { hub, stop } = startCount()
  const networks = new Map<string, Between>()
  const detach = attachTo(server, { owns: isOurs, handle, upgrade })
  return { change, close }

  function change(asked: Json): Json {
    const name = `${asked.network ?? ''}`.slice(0, 40)
    const between = find(name)
    const before = between.network
    between.network = readNetwork(asked)
    const isChanged = changed(before, between.network)
    for (const { way, end } of between.open) if (isChanged(way)) end()
    return {}
  }

  function handle(request: IncomingMessage, response: ServerResponse): void {
    const obstacle = pass(request, request.socket, response)
    if (obstacle === 'gone') return void request.socket.destroy()
    if (obstacle === 'refused') return void response.writeHead(502, { 'Content-Length': 0 }).end()
    if (obstacle === 'swallowed') return
    // Node passes nothing on of a response that is corked until it ends.
    if (obstacle === 'held') response.cork()
    hub.handle(request, response)
  }

  function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => {})
    const obstacle = pass(request, socket, socket, goingAway)
    if (obstacle === 'gone') return void socket.destroy()
    if (obstacle === 'refused')
      return void socket.end('HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    if (obstacle === undefined) hub.upgrade(request, socket, head)
  }

  /** Gives what befalls it, and remembers it until `over` closes. */
  function pass(
    { url = '/' }: IncomingMessage,
    socket: Duplex,
    over: Duplex | ServerResponse,
    last?: Buffer,
  ) {
    const between = find(new URL(url, 'http://here').searchParams.get('network') ?? '')
    const way = wayOf(url)
    const entry = {
      way,
      end: () => void (last && !between.network.gone ? socket.end(last) : socket.destroy()),
    }
    between.open.add(entry)
    over.once('close', () => between.open.delete(entry))
    if (between.network.gone) return 'gone'
    return way && between.network.ways[way]
  }

  function find(name: string): Between {
    const between = networks.get(name) ?? { network: clear, open: new Set() }
    // The map is in the order in which they were used last.
    networks.delete(name)
    networks.set(name, between)
    if (networks.size > most) {
      const unused = [...networks].find(([, { open }]) => open.size === 0)
      if (unused) networks.delete(unused[0])
    }
    return between
  }

  async function close(): Promise<void> {
    stop()
    for (const { open } of networks.values()) for (const { end } of open) end()
    await hub.close()
    detach()
  }
}

function isOurs({ url }: IncomingMessage): boolean {
  return url?.split('?', 1)[0] === '/line'
}
