import { createMailbox, type Mailbox } from './mailbox.ts'
import { fold, readName } from './names.ts'

/** Everybody who has ever come in, as far as they are remembered. */
export interface People {
  /** Why somebody cannot come in under this name just now, if so. */
  check(name: unknown, page: unknown): Refused | undefined
  /** A page that was loaded anew takes over the name that it had before. */
  follow(name: unknown, was: unknown, page: unknown): void
  /** Lets a page in under a name, on each of its requests. The same page always gets in again. */
  enter(name: unknown, page: unknown): Entered | Refused
  opened(principal: string | undefined, session: string): void
  closed(principal: string | undefined, session: string): void
  /** The page says that it goes. */
  leave(name: unknown, page: unknown): void
  /** The server restarts: whoever is here is given a moment to come back. */
  expectBack(): void
  find(name: string): Person | undefined
  /** Who speaks for this session; nobody, if the name has since gone to another page. */
  behind(principal: string | undefined): Person | undefined
  list(): { name: string; here: boolean }[]
}

export interface Person {
  readonly name: string
  /** Who it is to a server, with the page in it that has the name just now: a secret of that page's. */
  readonly principal: string
  readonly mailbox: Mailbox
  here(): boolean
}

export interface Entered {
  name: string
  principal: string
}

export interface Refused {
  status: number
  message: string
}

interface Member extends Person {
  /** The page that has the name, by the random text it calls itself. */
  page: string
  readonly sessions: Set<string>
  left: boolean
  /** Until when a page counts as here though no session of it is open yet, in ms of the epoch. */
  expected: number
}

/** How many people are remembered; whoever has been away for longest is forgotten first. */
const most = 500

/** How long a page that was let in may take to open its line, in ms. */
const patience = 10_000

export function createPeople(): People {
  const members = new Map<string, Member>()
  return { check, follow, enter, opened, closed, leave, expectBack, find, behind, list }

  function check(name: unknown, page: unknown): Refused | undefined {
    const read = readName(name)
    if (typeof read !== 'string') return { status: 400, message: read.wrong }
    if (typeof page !== 'string' || /\s/.test(page))
      return { status: 400, message: 'The page has no proper id.' }
    const known = members.get(fold(read))
    if (known?.here() && known.page !== page) {
      return {
        status: 409,
        message: `Somebody called “${known.name}” is here already, or was a moment ago. Choose another name.`,
      }
    }
    if (!known && members.size >= most && !longestAway()) return { status: 503, message: 'The room is full.' }
    return undefined
  }

  function follow(name: unknown, was: unknown, page: unknown): void {
    const member = members.get(fold(`${name}`))
    if (!member || typeof was !== 'string' || typeof page !== 'string' || member.page !== was) return
    member.page = page
    member.sessions.clear()
  }

  function enter(name: unknown, page: unknown): Entered | Refused {
    const refused = check(name, page)
    if (refused) return refused
    const member = members.get(fold(name as string)) ?? add(readName(name) as string)
    if (member.page !== page) {
      member.page = page as string
      member.sessions.clear()
    }
    if (!member.here()) member.expected = Date.now() + patience
    member.left = false
    return { name: member.name, principal: member.principal }
  }

  function add(name: string): Member {
    const gone = members.size >= most && longestAway()
    if (gone) members.delete(fold(gone.name))
    const member: Member = {
      name,
      get principal() {
        return `${member.page} ${name}`
      },
      mailbox: createMailbox(),
      page: '',
      sessions: new Set(),
      left: false,
      expected: 0,
      here: () => !member.left && (member.sessions.size > 0 || Date.now() < member.expected),
    }
    members.set(fold(name), member)
    return member
  }

  function longestAway(): Member | undefined {
    return [...members.values()].find(member => !member.here())
  }

  function opened(principal: string | undefined, session: string): void {
    behind(principal)?.sessions.add(session)
  }

  function closed(principal: string | undefined, session: string): void {
    const member = behind(principal)
    if (member?.sessions.delete(session)) toEnd(member)
  }

  function leave(name: unknown, page: unknown): void {
    const member = members.get(fold(`${name}`))
    if (!member || member.page !== page) return
    member.left = true
    toEnd(member)
  }

  /** Keeps the map in the order in which people went. */
  function toEnd(member: Member): void {
    members.delete(fold(member.name))
    members.set(fold(member.name), member)
  }

  function expectBack(): void {
    for (const member of members.values()) {
      if (member.here()) member.expected = Date.now() + patience
      member.sessions.clear()
    }
  }

  function find(name: string): Person | undefined {
    return members.get(fold(name))
  }

  function behind(principal = ''): Member | undefined {
    const space = principal.indexOf(' ')
    const member = members.get(fold(principal.slice(space + 1)))
    return member?.page === principal.slice(0, space) ? member : undefined
  }

  function list(): { name: string; here: boolean }[] {
    const all = [...members.values()].map(member => ({ name: member.name, here: member.here() }))
    return all.sort((a, b) => Number(b.here) - Number(a.here) || a.name.localeCompare(b.name))
  }
}
