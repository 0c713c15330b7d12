import { randomBytes } from 'node:crypto'
import { type Json, parseJson } from './json.ts'
import type { Everywhere, Heard, Reply, Said } from './live.ts'
import type { People, Person } from './people.ts'

/** The rooms: one for all, and one for each person, that only they hear. */
export interface Chat extends Heard {
  /** The publisher says something to everyone. */
  say(text: string): void
  close(): void
}

const longest = 2_000

/** How often to look whether somebody has quietly gone, in ms. */
const glance = 1_000

export function createChat(people: People, live: Pick<Everywhere, 'publish'>): Chat {
  // Numbers begin anew when the process does, so a room of each life has a name of its own.
  const life = randomBytes(3).toString('hex')
  const lobby = { room: `lobby.${life}`, n: 0 }
  let shown = ''
  const timer = setInterval(showPeople, glance).unref()

  return {
    opened(session) {
      people.opened(session.principal, session.id)
      showPeople()
    },
    closed(session) {
      people.closed(session.principal, session.id)
      showPeople()
    },
    message: heard,
    say: text => toLobby({ from: 'Publisher', text, bot: true }),
    close: () => clearInterval(timer),
  }

  async function heard({ data, event, session }: Said, reply: Reply): Promise<unknown> {
    const me = people.behind(session.principal)
    if (!me) return undefined
    const said = parseJson(data)
    if (event === 'read') return me.mailbox.confirmed(Number(said.upTo) || 0)
    if (event === 'hello') return reply(JSON.stringify(welcome(me, said)), { event: 'welcome' })
    const answer = { ref: said.ref, to: said.to, at: Date.now(), ...deliver(me, said) }
    return reply(JSON.stringify(answer), { event: 'response' })
  }

  /**
   * What a page needs to begin: where the rooms stand, and what waited for its reader. It asks by itself once its line is
   * open, since what was sent before the line had a position would be lost on the way.
   */
  function welcome({ name, mailbox }: Person, { have }: Json): Json {
    mailbox.confirmed(Number(have) || 0)
    return {
      name,
      lobby,
      own: { room: roomOf(name), n: mailbox.newest },
      letters: mailbox.waiting(),
      people: people.list(),
    }
  }

  function deliver(me: Person, { to, text, ref }: Json): Json {
    if (typeof to !== 'string' || typeof text !== 'string' || !text.trim()) {
      return { status: 400, note: 'A message needs a recipient and a text.' }
    }
    if (text.length > longest) return { status: 413, note: `A message has at most ${longest} characters.` }
    if (to === 'ALL') {
      toLobby({ from: me.name, text, ref })
      return { status: 200 }
    }
    const person = people.find(to)
    if (!person)
      return { status: 404, note: `Nobody called “${to}” is here, and nobody of that name has been.` }
    return toPerson(me, person, text)
  }

  function toLobby(message: Json): void {
    live.publish('lobby', { ...lobby, n: ++lobby.n, ...message, at: Date.now() })
  }

  /** It is heard at once by a page that is here, and kept until a page has confirmed it. */
  function toPerson(me: Person, { name, mailbox, here }: Person, text: string): Json {
    if (mailbox.full) return { status: 507, note: `${name}’s mailbox is full.` }
    const letter = mailbox.add({ room: roomOf(name), from: me.name, to: name, text, at: Date.now() })
    live.publish(`user:${name}`, letter)
    const waits = !here()
    // Who writes to himself hears it as the letter it is.
    return {
      status: 200,
      to: name,
      text: name === me.name ? undefined : text,
      waits,
      note: waits ? `${name} is away; the message waits.` : undefined,
    }
  }

  function roomOf(name: string): string {
    return `${name}.${life}`
  }

  function showPeople(): void {
    const list = people.list()
    const text = JSON.stringify(list)
    if (text === shown) return
    shown = text
    live.publish('lobby', list, 'people')
  }
}
