import { connect, eventsource, jsonp, type Line, longPolling, websocket, xhrStreaming } from '../core.ts'
import { sockjs } from '../dialects/sockjs.ts'
import type { AnyEvent } from '../here.ts'
import { closeEvent, messageEvent } from './socket-target.ts'
import { type Life, next, patience, type Signal } from './sockjs-life.ts'

/** The five transports, by the names that sockjs-client has for them, in its order. */
const transports = {
  websocket,
  'xhr-streaming': xhrStreaming,
  eventsource,
  'xhr-polling': longPolling,
  'jsonp-polling': jsonp,
}
type Name = keyof typeof transports

/** How long the server may take to say what it can do, in ms. */
const askedWithin = 8_000

export interface Plan {
  /** The prefix of the server, resolved. */
  readonly url: string
  /** The names of transports that the page wants, be there such ones or not. */
  readonly wanted: readonly string[] | undefined
  readonly server: string | undefined
  /** Names a session. */
  readonly session: (() => string) | undefined
  /** How long a transport may take to open at least, in ms. */
  readonly timeout: number
  hear(event: AnyEvent): void
}

/** One session, from the question what the server can do to its end. */
export function runSession(plan: Plan) {
  const { url, wanted, hear } = plan
  let life: Life = { name: 'asking' }
  let line: Pick<Line, 'send' | 'close' | 'bufferedAmount'> | undefined
  let names: Name[] = []
  let there = url
  let rtt = 0
  /** What the server has closed it by. */
  let dismissed: Signal | undefined
  /** Ends what a state began. */
  let stop = ask()

  return {
    signal,
    get life() {
      return life
    },
    /** What carries it, by the name that sockjs-client has for that; `null` while nothing does. */
    get transport(): string | null {
      return life.name === 'open' ? (names[0] as Name) : null
    },
    get bufferedAmount(): number {
      return line?.bufferedAmount ?? 0
    },
    send(text: string): void {
      // What cannot be sent any more means that there is no session.
      if (life.name === 'open') line?.send(text).catch(() => signal({ type: 'lost' }))
    },
  }

  function signal(what: Signal): void {
    const before = life
    life = next(before, what)
    if (life !== before) enter(what)
  }

  /** Makes true what the state says. */
  function enter(what: Signal): void {
    stop()
    stop = () => {}
    if (life.name === 'open') return hear(new Event('open'))
    if (life.name === 'closed') return
    const { code, reason } = what.type === 'close' ? what : {}
    const before = line
    line = undefined
    before?.close(code, reason)
    if (life.name === 'connecting') return connectBy(names[names.length - life.left] as Name, life.left)
    if (life.name !== 'closing') return
    const { end } = life
    setTimeout(() => {
      signal({ type: 'told' })
      if (end.failed) hear(new Event('error'))
      hear(closeEvent(end))
    })
  }

  function after(ms: number): () => void {
    const timer = setTimeout(() => signal({ type: 'lost' }), Math.min(ms, 2 ** 31 - 1))
    return () => clearTimeout(timer)
  }

  function ask(): () => void {
    const since = performance.now()
    const asking = new AbortController()
    const clear = after(askedWithin)
    infoOf(url, asking.signal)
      .then(({ base_url, websocket = true }) => {
        rtt = performance.now() - since
        if (base_url) there = new URL(base_url, url).href
        if (!/^https?:/.test(there)) throw new Error(`base_url is ${there}`)
        const all = Object.keys(transports) as Name[]
        names = all.filter(name => (wanted?.includes(name) ?? true) && (websocket || name !== 'websocket'))
        signal({ type: 'answered', count: names.length })
      })
      .catch(() => signal({ type: 'lost' }))
    return () => {
      clear()
      asking.abort()
    }
  }

  function connectBy(name: Name, left: number): void {
    stop = after(patience(rtt, plan.timeout, left))
    const own = connect(there, {
      transport: transports[name],
      dialect: sockjs({
        // A server's own may be any: as sockjs-client does, it is not waited for.
        heartbeat: 2 ** 29,
        heartbeats: () => hear(new Event('heartbeat')),
        ends(code, reason) {
          dismissed = { type: 'dismissed', code, reason }
          return true
        },
        ...(plan.server !== undefined && { server: plan.server }),
        ...(plan.session && { session: once(plan.session) }),
      }),
      timeout: 2 ** 31 - 1,
      withCredentials: true,
      // It runs what the server answers as a script: at another origin only where the page has named it.
      ...(wanted?.includes('jsonp-polling') && { jsonp: 'cross-origin' }),
      limits: { messages: Infinity, bytes: Infinity, age: Infinity },
      // A line asks by a request of its own why a WebSocket was refused, which would be a session to the server.
      ...(name === 'websocket' && { environment: { fetch: undefined } }),
    })
    line = own
    own.addEventListener('message', ({ data }) => own === line && hear(messageEvent(data, url)))
    // There is one session: whatever a line would do to begin another ends it.
    own.addEventListener('statechange', ({ state }) => {
      if (own !== line) return
      if (state === 'open') {
        names = [name]
        signal({ type: 'opened' })
      } else if (state !== 'connecting' || life.name === 'open') signal(dismissed ?? { type: 'lost' })
    })
  }
}

/** What a server says of itself. */
interface Info {
  /** Where it is to be found instead. */
  readonly base_url?: string
  readonly websocket?: boolean
}

async function infoOf(url: string, signal: AbortSignal): Promise<Info> {
  const there = new URL(url)
  there.pathname = `${there.pathname.replace(/\/$/, '')}/info`
  const answer = await fetch(there, { credentials: 'include', signal })
  if (!answer.ok) throw new Error(`status ${answer.status}`)
  // An answer that says nothing rules nothing out.
  return Object(await answer.json().catch(() => ({}))) as Info
}

/** Names each channel, since all its requests are of one session. */
function once(name: () => string): (channel: string) => string {
  const names = new Map<string, string>()
  return channel => {
    const known = names.get(channel) ?? name()
    names.set(channel, known)
    return known
  }
}
