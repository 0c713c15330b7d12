import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { attachTo } from '../server/attach.ts'
import { hostnameOf, ownHosts, readHosts } from '../server/http/hosts.ts'
import { createAnswers } from './answers.ts'
import { createChat } from './chat.ts'
import { sendFile } from './files.ts'
import { answerJson, type Json, readJson } from './json.ts'
import { createLab } from './lab.ts'
import { createLine } from './line.ts'
import { type Heard, serveEverywhere } from './live.ts'
import { type Pace, usualPace } from './model.ts'
import { createPeople, type People } from './people.ts'
import { createRooms } from './rooms.ts'

/** A running demo. */
export interface Demo {
  readonly url: string
  /** Ends everything; settles when nothing of it is left. */
  close(): Promise<void>
}

interface Place {
  port?: number
  host?: string
  /** Names that lead here beside loopback and `host`. */
  hosts?: readonly string[]
  /** How fast answers are written. */
  pace?: Pace
}

/**
 * Starts the line through its network, the chat, the rooms, the answers and the network lab on one port: pages, the lines at `/line`, `/live`, `/rooms` and
 * `/answers`, and a few requests beside it.
 */
export async function startDemo({
  port = 0,
  host = '127.0.0.1',
  hosts = [],
  pace = usualPace,
}: Place = {}): Promise<Demo> {
  const server = createServer((request, response) => void answer(request, response))
  keepOut(server, ['localhost', ...ownHosts(host), ...hosts])
  const line = createLine(server)
  const people = createPeople()
  const heard: Heard = {
    opened: visitor => chat.opened(visitor),
    closed: visitor => chat.closed(visitor),
    message: (message, reply) => chat.message(message, reply),
  }
  const live = await serveEverywhere(server, people, heard)
  const chat = createChat(people, live)
  const rooms = await createRooms(server)
  const answers = createAnswers(server, pace)
  const lab = createLab(live, rooms, answers, { people, say: chat.say })

  const routes: Record<string, (asked: Json) => Json> = {
    '/enter': asked => enter(people, asked),
    '/rooms/enter': asked => enter(rooms.people, asked),
    '/leave': ({ name, page }) => {
      people.leave(name, page)
      return {}
    },
    '/lab': lab.change,
    '/line/network': line.change,
  }

  server.listen(port, host)
  await once(server, 'listening')
  return { url: `http://localhost:${(server.address() as AddressInfo).port}`, close }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const pathname = (request.url ?? '/').split('?', 1)[0] as string
    const route = routes[pathname]
    if (request.method === 'POST' && route)
      return answerJson(response, await readJson(request).then(route, refused))
    if (request.method === 'POST' && pathname === '/answers/plain') return answers.plainly(request, response)
    if (pathname === '/lab') return answerJson(response, lab.state())
    await sendFile(request, response, pathname)
  }

  async function close(): Promise<void> {
    lab.close()
    chat.close()
    server.close()
    await Promise.all([line.close(), live.close(), rooms.close(), answers.close()])
    server.closeAllConnections()
  }
}

/** A name that is taken is an answer like another; the console of the page is for what went wrong. */
function enter(people: People, { name, page, was }: Json): Json {
  people.follow(name, was, page)
  return { refused: people.check(name, page)?.message }
}

/** Whoever comes by the name of somebody else meets neither the pages nor any of the servers behind them. */
function keepOut(server: Server, hosts: readonly string[]): void {
  const isKnownHost = readHosts(hosts)
  const words = 'This is none of the hosts of this demo; if it should be, list it in HOSTS.\n'
  attachTo(server, {
    owns: request => !isKnownHost(hostnameOf(request)),
    handle: (_, response) => void response.writeHead(403, { 'Content-Type': 'text/plain' }).end(words),
    upgrade: (_, socket) =>
      void socket.on('error', () => {}).end('HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\n'),
  })
}

function refused(error: unknown): Json {
  return { status: 400, message: error instanceof Error ? error.message : `${error}` }
}
