import type { SourceClass } from '../../here.ts'
import { bestReading, type Header, type Reading, read } from '../../stream/response.ts'
import { watchFor } from '../../stream/watch.ts'
import { mediaType } from '../../transports/http/whole-body-reader.ts'
import { isThere } from '../../transports/http/xhr-request.ts'
import type { Block } from '../../wire/block.ts'
import { createParser } from '../../wire/parser.ts'
import { type Failure, type Head, type Life, next, pauseOf, type Signal } from './life.ts'
import type { EventSourceOptions } from './options.ts'
import { taskQueue } from './tasks.ts'

/** What is asked, and how. */
export interface Course {
  readonly url: string
  readonly withCredentials: boolean
  readonly options: EventSourceOptions
  /** The browser's own class, where there is one. */
  readonly native: SourceClass | undefined
}

/** What hears of it. */
export interface Listener {
  /** It has come to this state, which is told if it is `open` or has a failure. */
  entered(life: Life): void
  message(type: string, init: MessageEventInit): void
}

/** An EventSource at work. */
export interface Running {
  readonly course: Course
  readonly life: Life
  /** Events of this name are listened to. */
  listen(type: string): void
  close(): void
}

/** How long to wait for the server until it says otherwise, in ms: as long as Chromium and WebKit do. */
const usualRetry = 3_000

/** How long after a navigation began it is known whether the page has stayed, in ms. */
const staying = 2_000

const ofPage = ['beforeunload', 'pagehide', 'pageshow', 'online'] as const

/** Asks, reads the answer, and asks again, until the page wants no more or the server says that there is no more. */
export function run(course: Course, listener: Listener): Running {
  const { url, withCredentials, options } = course
  const { headers: given = {}, heartbeatTimeout, lastEventIdQueryParameterName } = options
  const here = globalThis as Partial<typeof globalThis>
  const { protocol, origin: asked, username } = new URL(url)
  /** Of what has answered last. */
  let origin = asked
  const isForeign = () => (here.origin ?? origin) !== origin
  const asksMore = Object.keys(given).length > 0 || (heartbeatTimeout ?? lastEventIdQueryParameterName)
  const queue = taskQueue()
  let life: Life = { name: 'asking', tries: 0 }
  let native = (isForeign() || username) && !asksMore ? course.native : undefined
  let id = ''
  /** Whether the server lets the header with the id through. */
  let saysId = true
  /** Whether an answer could be read. */
  let shared = false
  let retry = usualRetry
  let navigated = -staying
  const names = new Set(['open', 'error', 'message'])
  /** Ends the request, or the wait. */
  let stop = () => {}
  /** Looks whether the browser's own EventSource has given up. */
  let look = () => {}
  /** Lets the browser's own EventSource listen for events of a name. */
  let listen = (_type: string) => {}
  for (const type of ofPage) here.addEventListener?.(type, heed as () => void)
  ask()
  return {
    course,
    get life() {
      return life
    },
    listen(type) {
      names.add(type)
      listen(type)
    },
    close: () => signal({ type: 'closed' }),
  }

  function heed({ type, persisted }: { type: (typeof ofPage)[number]; persisted?: boolean }): void {
    // Firefox and WebKit end the requests of a page as soon as a navigation begins.
    if (type === 'beforeunload') {
      navigated = performance.now()
      setTimeout(() => look(), staying)
    }
    // A page that has a request is not kept in the history. The browser's own EventSource knows.
    else if (type === 'online' || (persisted && !native)) signal({ type })
  }

  function signal(what: Signal): void {
    const before = life
    life = next(before, what)
    if (life !== before) enter()
  }

  /** Makes true what the state says. */
  function enter(): void {
    const { name } = life
    if (name !== 'open' && name !== 'returning') {
      stop()
      stop = () => {}
    }
    if (life.name === 'asking') ask()
    if (life.name === 'waiting') {
      // A longer time than a timer can hold would be over at once.
      const after = Math.min(pauseOf(retry, life.tries), 2 ** 31 - 1)
      const timer = setTimeout(() => signal({ type: 'due' }), after)
      stop = () => clearTimeout(timer)
    }
    if (name === 'closed') for (const type of ofPage) here.removeEventListener?.(type, heed as () => void)
    listener.entered(life)
  }

  function ask(): void {
    try {
      if (!/^(?:https?|data|blob):/.test(protocol) && protocol !== here.location?.protocol)
        throw new Error(protocol)
      if (native) askNative(native)
      // Where there is neither, `fetch` throws what is told.
      else askBy(bestReading() ?? 'fetch')
    } catch (cause) {
      queue(() => signal({ type: 'failed', failure: { kind: 'impossible', cause } }))
    }
  }

  /** What it tells is a task already. */
  function askNative(Source: SourceClass): void {
    const source = new Source(url, { withCredentials })
    const told = (event: Event) => {
      const { type } = event
      if ('data' in event) {
        const { data, lastEventId, origin } = event as MessageEvent
        id = lastEventId
        listener.message(type, { data, lastEventId, origin })
      } else if (type === 'open') signal({ type: 'answered' })
      else if (source.readyState !== 2)
        signal({ type: 'interrupted', failure: { kind: life.name === 'open' ? 'cut' : 'network' } })
      else look()
    }
    // Firefox ends its own EventSource when a navigation begins, without any event, also where the page stays.
    look = () => {
      if (!native || source.readyState !== 2) return
      native = undefined
      signal({ type: 'given-up' })
    }
    listen = type => source.addEventListener(type, told as never)
    names.forEach(listen)
    stop = () => source.close()
  }

  function askBy(by: Reading): void {
    const says = id !== '' && saysId
    const address = new URL(url)
    const headers: Header[] = [['accept', 'text/event-stream'], ...Object.entries(given)]
    // "If the EventSource object's last event ID string is not the empty string … set (`Last-Event-ID`, lastEventIDValue)"
    if (says) {
      if (lastEventIdQueryParameterName) setParameter(address, lastEventIdQueryParameterName, id)
      else headers.push(['last-event-id', id])
    }
    const credentials = withCredentials ? 'include' : 'same-origin'

    let wanted = true
    let open = false
    const later = (what: Signal) => queue(() => wanted && signal(what))
    const fail = (kind: Failure['kind'], about?: Partial<Failure>) =>
      later({ type: 'failed', failure: { ...about, kind } })
    const watch = watchFor(heartbeatTimeout ?? Infinity, () => fail('silent'))
    const lost = async (cause: unknown) => {
      if (performance.now() - navigated < staying) await new Promise(resolve => setTimeout(resolve, staying))
      const isRefused = !open && isForeign() && (await isThere(here, address.href))
      // It may be the id alone that must not go there.
      if (isRefused && says && life.name === 'asking' && life.tries > 0) saysId = false
      else if (isRefused && !shared) return fail('unshared', { cause })
      fail(open ? 'cut' : 'network', { cause })
    }
    const parser = createParser({ limit: Infinity, bom: by === 'fetch' })
    const take = (blocks: Block[]) => {
      for (const block of blocks) queue(() => hear(block))
    }
    const end = read(
      by,
      { url: address.href, method: 'GET', headers, credentials },
      {
        head({ status, statusText, url, header }) {
          shared = true
          const head: Head = { status, statusText, headers: { get: header } }
          if (status !== 200) return fail('status', { head })
          if (mediaType(header('Content-Type')) !== 'text/event-stream') return fail('content', { head })
          open = true
          // "the serialization of the origin of the event stream's final URL (i.e., the URL after redirects)"
          origin = new URL(url || address).origin
          later({ type: 'answered', head })
        },
        text(piece) {
          watch.alive()
          if (open) take(parser.feed(piece))
        },
        ended() {
          take(parser.end())
          fail('ended')
        },
        lost: cause => void lost(cause),
        threw: cause => fail('impossible', { cause }),
      },
    )
    stop = () => {
      wanted = false
      watch.stop()
      end()
    }
  }

  function hear({ id: given = id, event = 'message', data, retry: told = retry }: Block): void {
    id = given
    retry = told
    if (data !== undefined && life.name !== 'closed')
      listener.message(event, { data, origin, lastEventId: id })
  }
}

/** What else there is stays as it is, which `searchParams` would write anew. */
function setParameter(url: URL, name: string, value: string): void {
  const start = `${encodeURIComponent(name)}=`
  const others = url.search.split(/[?&]/).filter(part => part && !part.startsWith(start))
  url.search = [...others, start + encodeURIComponent(value)].join('&')
}
