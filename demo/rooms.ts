import { readdir, readFile } from 'node:fs/promises'
import type { Server } from 'node:http'
import {
  type Authorize,
  createHub,
  type MessageFrom,
  type Session,
  type TransportName,
} from '../server/index.ts'
import type { Json } from './json.ts'
import type { Live } from './live.ts'
import { createPeople, type People } from './people.ts'
import { transports } from './servers/transports.ts'

/** Rooms that come and go on one line: what topics can do. */
export interface Rooms extends Pick<Live, 'refuse' | 'cut' | 'close'> {
  /** Those who are in. Their names are not those of the chat: one person may have both pages open. */
  readonly people: People
  /** Shows every page what the network lab lets through. */
  show(lab: Json): void
}

interface Room {
  readonly topic: `room:${string}`
  readonly title: string
  readonly about: string
  /** How many characters a message may have. */
  readonly longest?: number
  /** Why nobody may enter. */
  readonly closed?: string
}

const rooms: readonly Room[] = [
  { topic: 'room:hall', title: 'Hall', about: 'For everybody and everything.' },
  { topic: 'room:library', title: 'Library', about: 'Read back what was said.' },
  { topic: 'room:quiet', title: 'Quiet room', about: 'Only short messages, please.', longest: 40 },
  {
    topic: 'room:engine',
    title: 'Engine room',
    about: 'Behind a door.',
    closed: 'The engine room is for the crew only.',
  },
]

/** What a page may know of them before it is in. */
const shown = rooms.map(({ topic, title, about }) => ({ topic, title, about }))

/** A message as a room hears and keeps it. `ref` is what its sender calls it. */
interface Said {
  from: string
  text: string
  at: number
  ref?: string
}

/** What the pages and this server say to each other. */
interface Talk {
  topics: {
    [room: `room:${string}`]: { message: Said; typing: { who: string } }
    lab: { lab: Json }
  }
  sends: {
    begin: { data: ''; answer: { name: string; rooms: typeof shown } }
    say: { data: { room: string; text: string; ref: string }; answer: { id: string } }
    typing: { data: { room: string } }
  }
}

const decisions = new URL('../docs/decisions/', import.meta.url)

export async function createRooms(server: Server): Promise<Rooms> {
  const people = createPeople()
  let refused: readonly TransportName[] = []
  const hub = createHub<Talk>({ path: '/rooms', authorize, presence: ['room:*'], retry: 500 })
  hub.on('open', ({ session }) => {
    const key = people.find(`${session.principal}`)?.principal
    session.data.key = key
    people.opened(key, session.id)
  })
  hub.on('close', ({ session }) => people.closed(session.data.key as string | undefined, session.id))
  hub.on('subscribe', ({ topic }) => {
    const room = find(topic)
    if (!room) throw { status: 404, message: 'There is no such room.' }
    if (room.closed) throw { status: 403, message: room.closed }
  })
  hub.on('message', hear)
  await fillLibrary()
  const detach = hub.attach(server)

  return { people, refuse, cut, show, close }

  function authorize({ url: { searchParams: query } }: Parameters<Authorize>[0]): ReturnType<Authorize> {
    const entered = people.enter(query.get('name'), query.get('page') ?? '')
    // 403 is final: a page whose name went to somebody else while it was away must not knock for ever.
    if ('status' in entered) throw { ...entered, status: entered.status === 503 ? 503 : 403 }
    // Everybody in a room is told the principals of the others, so the secret of their pages is none of them.
    return { topics: ['lab'], principal: entered.name }
  }

  async function hear({ event, data, session }: MessageFrom<Talk>) {
    if (event === 'begin') return { name: `${session.principal}`, rooms: shown }
    if (event === 'say') return say(session, data)
    if (event === 'typing') type(session, data)
  }

  async function say({ principal = '', topics }: Session, { room: topic, text, ref }: Json) {
    const room = find(topic)
    if (!room || !topics.includes(room.topic)) throw { status: 403, message: 'You are not in this room.' }
    if (typeof text !== 'string' || !text.trim()) throw { status: 400, message: 'A message needs a text.' }
    const { longest = 1_000, title } = room
    const { length } = [...text]
    if (length > longest) {
      const words = `${title}: a message has at most ${longest} characters, and this one has ${length}.`
      throw { status: 413, message: words }
    }
    const said = { from: principal, text, at: Date.now(), ref: `${ref}`.slice(0, 40) }
    return { id: await hub.publish(room.topic, said) }
  }

  /** It is for those who look on just now: nothing of it is kept, and a line that is behind is spared it. */
  function type({ principal = '', topics }: Session, { room: topic }: Json): void {
    const room = find(topic)
    if (!room || !topics.includes(room.topic)) return
    void hub.publish(room.topic, { who: principal }, { event: 'typing', volatile: true })
  }

  /** With the titles of this project's own decisions, so that there is something to read back. */
  async function fillLibrary(): Promise<void> {
    const files = (await readdir(decisions)).filter(name => name.endsWith('.md')).sort()
    for (const name of files) {
      const [title = ''] = (await readFile(new URL(name, decisions), 'utf8')).split('\n', 1)
      await hub.publish('room:library', {
        from: 'Publisher',
        text: title.replace(/^#+ /, ''),
        at: Date.now(),
      })
    }
  }

  function show(lab: Json): void {
    void hub.publish('lab', lab, { event: 'lab' })
  }

  function refuse(names: readonly TransportName[]): void {
    refused = names
    hub.refuse(names)
  }

  function cut(): void {
    hub.refuse(transports)
    hub.refuse(refused)
  }

  async function close(): Promise<void> {
    await hub.close()
    detach()
  }
}

function find(topic: unknown): Room | undefined {
  return rooms.find(room => room.topic === topic)
}
