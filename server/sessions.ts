import { createHash } from 'node:crypto'
import type { Granted } from './access.ts'
import type { Ask } from './ask.ts'
import { type Line, type Member, type Send, type Session, settled } from './member.ts'
import type { Settings, TransportName } from './options.ts'
import { randomName } from './random.ts'
import { refusal } from './refusal.ts'

export interface Sessions {
  /** The session that was asked for, if it still lives and belongs to who asks. */
  find(ask: Ask, granted: Granted): Member | undefined
  /** A new one. Throws a refusal when there are too many. */
  begin(ask: Ask, granted: Granted): Member
  knows(sid: string): boolean
  /** Whether the session that is asked for is known to live on a page of the origin that asks. */
  vouches(ask: Ask): boolean
  enter(line: Line): void
  /** Whether it was there. */
  leave(line: Line): boolean
  /** Ends one that has no pipe any more. */
  end(member: Member): void
  /** Ends those that have been away for too long. */
  sweep(): void
  clear(): void
  readonly size: number
  /** The lines of all. */
  lines(): Iterable<Line>
  readonly open: number
}

interface Hooks {
  send(topic: string, ...message: Parameters<Send>): Promise<string>
  ended(member: Member): void
}

/** Not every request tells its origin; one that tells another is somebody else's. */
function isSamePage(member: Member, standing: Ask['standing'], origin: string | undefined): boolean {
  if (member.own === undefined || standing === 'unknown') return true
  return standing === 'own' ? member.own : origin === member.origin
}

/**
 * The private topic of a session. Its name cannot be published to, nor granted, from outside. The principal is in it, so
 * that a node which does not know the session need not be told whose it is.
 */
export function privateTopic(sid: string, principal: string | undefined): string {
  const whose = JSON.stringify([sid, principal])
  const hash = createHash('sha256').update(whose).digest().toString('base64url', 0, 18)
  // One text, where `+` would keep two and how they go together.
  return ['rt.to.', hash].join('')
}

export function createSessions({ limits, sessionTimeout }: Settings, { send, ended }: Hooks): Sessions {
  const members = new Map<string, Member>()
  let open = 0
  const away = new Set<Member>() // those without a pipe, the longest away first

  /** What few applications ask of a session is made when it is asked for: tens of thousands live at a time. */
  class HubSession implements Session {
    readonly id: string
    address: string
    transport: TransportName
    topics: readonly string[]
    readonly principal: string | undefined
    #data: Record<string, unknown> | undefined

    constructor(
      id: string,
      address: string,
      transport: TransportName,
      topics: readonly string[],
      principal: string | undefined,
    ) {
      this.id = id
      this.address = address
      this.transport = transport
      this.topics = topics
      this.principal = principal
    }

    get data(): Record<string, unknown> {
      this.#data ??= {}
      return this.#data
    }

    get send(): Send {
      const { id } = this
      return async (...message) => {
        const member = members.get(id)
        return member && send(member.topic, ...message)
      }
    }
  }

  return {
    find,
    begin,
    knows: sid => members.has(sid),
    vouches: ({ sid = '', origin }) => origin !== undefined && members.get(sid)?.origin === origin,
    enter,
    leave,
    end,
    sweep,
    clear,
    get size() {
      return members.size
    },
    lines,
    get open() {
      return open
    },
  }

  function find({ sid = '', origin, standing }: Ask, { principal }: Granted): Member | undefined {
    const member = members.get(sid)
    if (member?.session.principal !== principal) return undefined
    if (!member || !isSamePage(member, standing, origin)) return undefined
    // A page of our own is known by the name it has told of late: proxies may have others.
    if (origin !== undefined && standing !== 'foreign')
      Object.assign(member, { origin, own: standing === 'own' })
    return member
  }

  function begin({ address, origin, standing, via }: Ask, { topics, principal }: Granted): Member {
    if (members.size >= limits.sessions) throw refusal(503, 'too many sessions', 10)
    const id = randomName()
    const topic = privateTopic(id, principal)
    const transport = via === 'post' ? 'bare' : via
    const member: Member = {
      session: new HubSession(id, address, transport, topics, principal),
      topic,
      origin,
      own: standing === 'unknown' ? undefined : standing === 'own',
      lines: [],
      fresh: true,
      taken: 0,
      acked: 0,
      refused: undefined,
      done: settled,
      slices: '',
      pinged: false,
      left: Date.now(),
    }
    members.set(id, member)
    away.add(member)
    return member
  }

  function enter(line: Line): void {
    const { member } = line
    // An array that is spread has room for more, and there will hardly be more.
    member.lines = member.lines.concat(line)
    open++
    away.delete(member)
  }

  function leave(line: Line): boolean {
    const { member } = line
    if (!member.lines.includes(line)) return false
    member.lines = member.lines.filter(other => other !== line)
    open--
    if (member.lines.length > 0) return true
    // A bare stream has no way to name its session again.
    if (line.pipe.transport === 'bare') end(member)
    else {
      member.left = Date.now()
      away.add(member)
    }
    return true
  }

  function* lines(): Iterable<Line> {
    for (const member of members.values()) yield* member.lines
  }

  function sweep(): void {
    const due = Date.now() - sessionTimeout
    for (const member of away) {
      if (member.left > due) return
      end(member)
    }
  }

  function clear(): void {
    for (const member of members.values()) end(member)
  }

  function end(member: Member): void {
    if (!members.delete(member.session.id)) return
    away.delete(member)
    ended(member)
  }
}
