import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Arrival } from '../http/proxies.ts'
import { ignore } from '../wire/channel.ts'
import type { Incoming, Outgoing } from '../wire/exchange.ts'
import { elsewhereHeader } from './forward.ts'
import type { Seals } from './seals.ts'

/** What a hub does with what others bring it. */
export interface Service {
  handle(request: IncomingMessage, response: Outgoing): void
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** It came so to the hub that brings it. */
  vouch(request: Incoming, arrival: Arrival): void
  /** What another one has it do. Settles when it is done. */
  obey(order: object): Promise<void>
}

/** Where a hub takes what others bring it: a server of its own, so that whatever serves the application's clients is not in the way. */
export interface Gateway {
  /** Takes requests at this address of the machine. Gives `host:port`. */
  open(address: string): Promise<string>
  /** Whether another hub has brought it. */
  isForwarded(request: Incoming): boolean
  /** Tells the hub that has brought it that what it is about is not here. */
  refuse(response: Outgoing): void
  refuseUpgrade(socket: Duplex): void
  close(): void
}

export function createGateway(seals: Seals, service: Service): Gateway {
  const forwarded = new WeakSet<Incoming>()
  let server: Server | undefined

  return { open, isForwarded: request => forwarded.has(request), refuse, refuseUpgrade, close }

  async function open(address: string): Promise<string> {
    const own = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 })
    server = own
    own.on('request', (request, response) => {
      if (isBrought(request)) return service.handle(request, response)
      const order = seals.orderOf(request)
      if (!order) return request.destroy()
      void service.obey(order).finally(() => response.end())
    })
    own.on('upgrade', (request, socket, head) =>
      isBrought(request) ? service.upgrade(request, socket, head) : socket.destroy(),
    )
    await new Promise<void>((resolve, reject) => own.once('error', reject).listen(0, address, resolve))
    own.unref().on('error', ignore)
    const { port } = own.address() as { port: number }
    return `${address}:${port}`
  }

  /** How it came to the hub that brings it is how it comes here. */
  function isBrought(request: IncomingMessage): boolean {
    const arrival = seals.arrivalOf(request)
    if (!arrival) return false
    forwarded.add(request)
    service.vouch(request, arrival)
    return true
  }

  function refuse(response: Outgoing): void {
    response.setHeader(elsewhereHeader, '1')
    response.statusCode = 421
    response.end()
  }

  function refuseUpgrade(socket: Duplex): void {
    socket.end(
      `HTTP/1.1 421 Misdirected Request\r\n${elsewhereHeader}: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
    )
  }

  function close(): void {
    server?.close()
    server?.closeAllConnections()
  }
}
