import type { HubRequest } from '../http/hub-request.ts'
import { randomName } from '../random.ts'
import type { Member } from './session.ts'

/**
 * Notices clients that a balancer does not keep on their node. A poll that is brought to another one is answered there as a guest, since
 * messages are in the shared log: a new session for each would make its client ask again at once, and find a third node.
 */
export interface Roaming {
  /** With what the ids of this hub's sessions begin. */
  readonly own: string
  /** The id of a new session: which hub's it is can be seen. */
  name(): string
  /** A session of another hub is over for certain. */
  gone(sid: string): void
  /**
   * Whether a poll whose session is not known here is a guest. One of a session of ours is not: that session is over. Nor is one that keeps
   * coming: nobody else gets its polls.
   */
  isGuest(ask: HubRequest): boolean
  /** A poll of a session that is known here. */
  polled(member: Member, turn: number): void
  /** A POST in which its session is known here, or is not. */
  posted(ask: HubRequest, known: boolean): void
}

/** For how long the polls of a session have to come one after the other before it is taken for one that has moved here, in ms. */
const settling = 5_000

/** How many guests are remembered. */
const most = 10_000

/**
 * So many polls of one client in a row before which another node answered prove it; so many POSTs of unknown sessions, if they are a third of all in this time (ms), hint at it. Clients of a
 * node that has stopped come here too, but not for so long: so the sessions of the other node have to come for that time, and with no such pause, before they count.
 */
const proof = 3
const hint = 10
const time = 60_000

/** How many other nodes are remembered. */
const mostNodes = 1_000

/** `warn` is called once at most, and not by a hub that others can reach: it does not matter there where a request comes. */
export function createRoaming(warn: (what: Error) => void, isAlone: () => boolean): Roaming {
  const own = randomName(6)
  const over = new Set<string>()
  const strayed = new Map<string, { since: number; last: number }>() // by node
  const guests = new Map<string, { turn: number; since: number }>()
  let posts = { all: 0, strayed: 0, since: 0 }
  let warned = false

  return { own, name: () => own + randomName(), gone, isGuest, polled, posted }

  function gone(sid: string): void {
    over.delete(sid)
    over.add(sid)
    const [oldest] = over
    if (over.size > most && oldest !== undefined) over.delete(oldest)
  }

  function isGuest({ sid, via, turn }: HubRequest): boolean {
    if (sid === undefined || turn === 0 || !isAnothers(sid) || over.has(sid)) return false
    if (via !== 'long-polling' && via !== 'jsonp') return false
    const now = Date.now()
    const before = guests.get(sid)
    const since = before?.turn === turn - 1 ? before.since : now
    guests.delete(sid)
    if (now - since >= settling) return false
    guests.set(sid, { turn, since })
    const [oldest] = guests.keys()
    if (guests.size > most && oldest !== undefined) guests.delete(oldest)
    return true
  }

  function isAnothers(sid: string): boolean {
    return /^[\w-]{32}$/.test(sid) && !sid.startsWith(own)
  }

  function polled(member: Member, turn: number): void {
    // A client goes on to the next turn when the one before it was answered, here or elsewhere. A late poll of a channel that was left skips too,
    // but the next one comes from the new channel then.
    member.skipped = turn > member.turn + 1 ? member.skipped + 1 : 0
    if (member.skipped === proof) say(`another node answered between ${proof} polls of a client of this node`)
    member.turn = turn
  }

  function posted({ sid = '' }: HubRequest, known: boolean): void {
    const now = Date.now()
    if (now - posts.since > time) posts = { all: 0, strayed: 0, since: now }
    posts.all++
    if (known || !isAnothers(sid) || over.has(sid) || !isLasting(sid.slice(0, own.length), now)) return
    posts.strayed++
    if (posts.strayed >= hint && posts.strayed * 3 >= posts.all)
      say(
        `${posts.strayed} of ${posts.all} POSTs named a session of another node, for longer than clients need to leave one that has stopped`,
      )
  }

  /** Whether sessions of that node have come here for so long that it must be there. */
  function isLasting(node: string, now: number): boolean {
    const { since, last } = strayed.get(node) ?? { since: now, last: now }
    strayed.delete(node)
    strayed.set(node, { since: now - last < time ? since : now, last: now })
    const [oldest] = strayed.keys()
    if (strayed.size > mostNodes && oldest !== undefined) strayed.delete(oldest)
    return now - last < time && now - since >= time
  }

  function say(sign: string): void {
    if (warned || !isAlone()) return
    warned = true
    warn(
      new Error(
        `the balancer does not seem to keep a client on its node: ${sign}. Its send() has to start over each time; let the balancer go by a cookie or the client's address`,
      ),
    )
  }
}
