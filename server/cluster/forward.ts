import { Agent, request as ask, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import type { Duplex } from 'node:stream'
import { atMost } from '../patience.ts'
import { ignore } from '../wire/channel.ts'
import type { Outgoing } from '../wire/exchange.ts'

/** A request that is brought to another hub. */
export interface Forwarded {
  readonly method: string
  readonly url: string
  readonly headers: OutgoingHttpHeaders
  readonly body?: Buffer
}

/**
 * What became of it.
 *
 * | | |
 * |---|---|
 * | `answered` | its client has the answer |
 * | `left` | its client does not wait for it any more |
 * | `elsewhere` | the hub that was asked has not what it is about, and has taken nothing |
 * | `absent` | nobody listens there, and nothing was taken |
 * | `silent` | it accepts no connection in time, and nothing was taken |
 * | `broken` | the connection ended before the answer: what was taken of it is not known |
 */
export type Outcome = 'answered' | 'left' | 'elsewhere' | 'absent' | 'silent' | 'broken'

/** By this header a hub says that it has not what the request is about. */
export const elsewhereHeader = 'throughline-elsewhere'

/** How long another hub may take to accept a connection, in ms. */
const patience = 2_000

/** What it means that no connection was made. One that is reset as it is made was meant for a process that was just ending. */
const unmet: Readonly<Record<string, Outcome>> = {
  ECONNREFUSED: 'absent',
  ECONNRESET: 'broken',
  EPIPE: 'broken',
}

/** Why a connection was given up. */
const silence = new Error('it does not answer')

/** How long it may take to answer what it is told itself, in ms. */
const thought = 5_000

/** Brings requests to other hubs, and their answers back, as they come. */
export interface Forwarder {
  request(address: string, what: Forwarded, response: Outgoing): Promise<Outcome>
  upgrade(address: string, what: Forwarded, socket: Duplex, head: Buffer): Promise<Outcome>
  /** Says something to another hub itself. `silent`: it may not have heard it. */
  tell(address: string, headers: OutgoingHttpHeaders): Promise<Outcome>
  /** Ends all connections to a hub, and what waits for it there. */
  cut(address: string): void
  /** How many are on their way: requests without the end of their answer, and sockets. */
  readonly open: number
  /** Settles once none is, after `within` ms at the latest. What is then is cut. */
  settled(within: number): Promise<void>
  close(): void
}

/** Whoever is brought. */
type Client = Pick<Outgoing, 'destroyed' | 'destroy'> & { once(name: 'close', listener: () => void): unknown }

/** Connections between hubs are used again: a poll should not cost one. */
export function createForwarder(): Forwarder {
  const agent = new Agent({ keepAlive: true, noDelay: true })
  const sockets = new Map<string, Set<Duplex>>() // by address
  const open = new Set<Client>()
  let waiting: (() => void)[] = []
  return {
    request,
    upgrade,
    tell,
    cut,
    get open() {
      return open.size
    },
    settled,
    close,
  }

  async function tell(address: string, headers: OutgoingHttpHeaders): Promise<Outcome> {
    const what = { method: 'POST', url: '/', headers }
    let timer: NodeJS.Timeout | undefined
    let isLate = false
    const asker = {
      destroyed: false,
      once(_: 'close', giveUp: () => void) {
        clearTimeout(timer)
        timer = setTimeout(() => {
          isLate = true
          giveUp()
        }, thought).unref()
      },
    }
    const outcome = await attempt(address, what, asker, answer => void answer.resume())
    clearTimeout(timer)
    return isLate ? 'silent' : outcome
  }

  function cut(address: string): void {
    for (const socket of sockets.get(address) ?? []) socket.destroy(silence)
  }

  function keep(address: string, socket: Duplex): void {
    const those = sockets.get(address) ?? new Set()
    sockets.set(address, those.add(socket))
    socket.once('close', () => those.delete(socket) && those.size === 0 && sockets.delete(address))
  }

  async function settled(within: number): Promise<void> {
    if (open.size > 0) await atMost(within, new Promise<void>(resolve => waiting.push(resolve)))
    for (const client of open) client.destroy()
  }

  function close(): void {
    for (const client of open) client.destroy()
    agent.destroy()
  }

  /** Until it is over, or nobody there answers it. */
  async function counted(client: Client, asked: Promise<Outcome>): Promise<Outcome> {
    const over = () => {
      open.delete(client)
      if (open.size > 0) return
      for (const resolve of waiting) resolve()
      waiting = []
    }
    open.add(client)
    client.once('close', over)
    const outcome = await asked
    if (outcome !== 'answered') over()
    return outcome
  }

  function request(address: string, what: Forwarded, response: Outgoing): Promise<Outcome> {
    return counted(
      response,
      attempt(address, what, response, answer => bring(answer, response)),
    )
  }

  function upgrade(address: string, what: Forwarded, socket: Duplex, head: Buffer): Promise<Outcome> {
    const asked = attempt(
      address,
      what,
      socket,
      answer => {
        socket.write(headOf(answer))
        answer.pipe(socket)
      },
      (answer, other, first) => {
        socket.write(headOf(answer))
        if (first.length) socket.write(first)
        if (head.length) other.write(head)
        join(socket, other)
      },
    )
    return counted(socket, asked)
  }

  /** On a connection that was used before and has ended meanwhile, once more: nothing is taken twice, for all that is sent has a number. */
  async function attempt(...asked: Parameters<typeof askOnce>): Promise<Outcome> {
    const outcome = await askOnce(...asked)
    if (outcome !== 'stale') return outcome
    const second = await askOnce(...asked)
    // It may have been taken the first time, by a hub that is not there any more.
    return second === 'stale' || second === 'absent' ? 'broken' : second
  }

  function askOnce(
    address: string,
    { method, url, headers, body }: Forwarded,
    client: Pick<Duplex, 'destroyed'> & { once(name: 'close', listener: () => void): unknown },
    answered: (answer: IncomingMessage) => void,
    upgraded?: (answer: IncomingMessage, other: Duplex, first: Buffer) => void,
  ): Promise<Outcome | 'stale'> {
    return new Promise(resolve => {
      const [, host, port] = /^(.*):(\d+)$/.exec(address) ?? []
      const asking = ask({ host, port, method, path: url, headers, agent })
      let isConnected = false
      let isAnswered = false
      asking.once('socket', socket => {
        isConnected = !socket.connecting
        if (isConnected) return
        keep(address, socket)
        const timer = setTimeout(() => asking.destroy(silence), patience)
        asking.once('close', () => clearTimeout(timer))
        socket.once('connect', () => {
          isConnected = true
          clearTimeout(timer)
        })
      })
      asking.on('error', (error: NodeJS.ErrnoException) => {
        if (client.destroyed) resolve('left')
        else if (!isConnected) resolve(unmet[error.code ?? ''] ?? 'silent')
        else resolve(asking.reusedSocket && error !== silence ? 'stale' : 'broken')
      })
      asking.once('response', (answer: IncomingMessage) => {
        if (answer.headers[elsewhereHeader]) {
          answer.resume()
          return resolve('elsewhere')
        }
        settle()
        answered(answer)
      })
      asking.once('upgrade', (...answer: [IncomingMessage, Duplex, Buffer]) => {
        settle()
        upgraded?.(...answer)
      })
      // What its client does not wait for any more need not go on.
      client.once('close', () => isAnswered || asking.destroy(silence))
      asking.end(body)

      function settle(): void {
        isAnswered = true
        resolve('answered')
      }
    })
  }
}

/** What concerns one connection alone (RFC 9110, 7.6.1). */
export const ofConnection =
  /^(connection|expect|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade)$/

function bring(answer: IncomingMessage, response: Outgoing): void {
  if (response.destroyed) return void answer.destroy()
  response.statusCode = answer.statusCode ?? 502
  for (const [name, value] of Object.entries(answer.headers))
    if (value !== undefined && !ofConnection.test(name)) response.setHeader(name, value as string)
  response.flushHeaders()
  answer.on('data', (piece: Buffer) => {
    response.write(piece)
    if (!response.writableNeedDrain) return
    answer.pause()
    response.once('drain', () => answer.resume())
  })
  answer.once('end', () => response.end())
  // It broke off: so does this.
  answer.once('close', () => answer.complete || response.destroy()).on('error', ignore)
  response.once('close', () => answer.destroy())
}

function headOf({ statusCode, statusMessage, rawHeaders }: IncomingMessage): string {
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage}`]
  for (let at = 0; at < rawHeaders.length; at += 2)
    if (rawHeaders[at]?.toLowerCase() !== 'transfer-encoding')
      lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`)
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** Each is the other's other end. */
function join(one: Duplex, other: Duplex): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.on('error', ignore)
    from.once('close', () => to.destroy())
    from.pipe(to)
  }
}
