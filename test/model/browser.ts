import type { Environment } from '../../src/environment.ts'
import type { World } from '../support/world.ts'
import type { Caller, Network, Via } from './network.ts'

/** What a browser gives to a page, over virtual wires, and a clock that can be throttled as a hidden tab's is. */
export interface Browser {
  readonly environment: Environment
  /** Timers that the page has armed. */
  readonly timers: number
  throttle(on: boolean): Promise<void>
}

/** A hidden tab's timers run once a minute. */
const minute = 60_000

export function createBrowser(world: World, wires: () => Network): Browser {
  const armed = new Set<PageTimer>()
  let throttled = false
  const page = {
    ...world.environment,
    setTimeout,
    clearTimeout,
    ...sockets(wires),
    ...requests(wires),
    document: scripts(wires),
  }
  return {
    environment: page as unknown as Environment,
    get timers() {
      return armed.size
    },
    async throttle(on) {
      throttled = on
      world.hidden = on
      if (!on) for (const timer of [...armed]) if (timer.at <= world.now) timer.run()
      await world.fire('visibilitychange')
    },
  }

  /** Whole ms, as a browser counts them: a fraction can be too small to move the clock. */
  function setTimeout(act: () => void, wait: number): PageTimer {
    const ms = Math.ceil(Math.max(wait, 0))
    const at = world.now + ms
    const run = () => {
      if (armed.delete(timer)) act()
    }
    const timer: PageTimer = { at, run }
    armed.add(timer)
    const due = () => {
      const late = throttled ? Math.ceil(world.now / minute) * minute - world.now : 0
      if (late > 0) world.environment.setTimeout(run, late)
      else run()
    }
    world.environment.setTimeout(due, ms)
    return timer
  }

  function clearTimeout(timer: unknown): void {
    armed.delete(timer as PageTimer)
  }
}

interface PageTimer {
  readonly at: number
  run(): void
}

type Handler = ((event: unknown) => void) | null

function sockets(wires: () => Network) {
  class ModelWebSocket {
    readyState = 0
    onopen: Handler = null
    onmessage: Handler = null
    onclose: Handler = null
    private readonly caller: Caller

    constructor(url: string) {
      this.caller = call(wires(), 'websocket', url, undefined, {
        head: status => {
          if (status !== 101) return
          this.readyState = 1
          this.onopen?.({})
        },
        text: data => this.onmessage?.({ data }),
        ended: well => {
          this.readyState = 3
          this.onclose?.({ code: well ? 1001 : 1006, reason: '', wasClean: well })
        },
      })
    }

    send(text: string): void {
      if (this.readyState === 1) this.caller.up(text)
    }

    close(): void {
      if (this.readyState < 2) this.caller.leave()
      this.readyState = 3
    }
  }

  class ModelEventSource {
    readyState = 0
    onopen: Handler = null
    onmessage: Handler = null
    onerror: Handler = null
    private readonly caller: Caller

    constructor(url: string) {
      this.caller = call(wires(), 'eventsource', url, undefined, {
        head: status => {
          this.readyState = status === 200 ? 1 : 2
          if (status === 200) this.onopen?.({})
          else this.onerror?.({})
        },
        text: data => this.readyState === 1 && this.onmessage?.({ data }),
        ended: () => {
          if (this.readyState === 2) return
          this.readyState = 0
          this.onerror?.({})
        },
      })
    }

    close(): void {
      this.readyState = 2
      this.caller.leave()
    }
  }
  return { WebSocket: ModelWebSocket, EventSource: ModelEventSource }
}

function requests(wires: () => Network) {
  class ModelXhr {
    readyState = 0
    status = 0
    responseText = ''
    responseURL = ''
    withCredentials = false
    onreadystatechange: Handler = null
    onprogress: Handler = null
    onload: Handler = null
    onerror: Handler = null
    onabort: Handler = null
    private caller: Caller | undefined

    open(_: string, url: string): void {
      this.responseURL = url
    }
    overrideMimeType(): void {}
    setRequestHeader(): void {}

    getResponseHeader(name: string): string | null {
      return headerOf(name)
    }

    send(body?: string): void {
      this.caller = call(wires(), undefined, this.responseURL, body, {
        head: status => {
          this.readyState = 2
          this.status = status
          this.onreadystatechange?.({})
        },
        text: chunk => {
          this.readyState = 3
          this.responseText += chunk
          this.onreadystatechange?.({})
        },
        ended: well => {
          this.readyState = 4
          if (!well || this.status === 0) {
            this.status = 0
            this.responseText = ''
            this.onerror?.({})
          } else this.onload?.({})
        },
      })
    }

    abort(): void {
      this.caller?.leave()
    }
  }

  function fetch(url: string, { body, signal }: RequestInit = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      let into: ReadableStreamDefaultController<Uint8Array>
      const stream = new ReadableStream<Uint8Array>({
        start(controller) {
          into = controller
        },
      })
      const fail = () => {
        const failure = new TypeError('Failed to fetch')
        reject(failure)
        into.error(failure)
      }
      const caller = call(wires(), undefined, url, body as string | undefined, {
        head: status => resolve({ status, url, headers: { get: headerOf }, body: stream }),
        text: chunk => into.enqueue(new TextEncoder().encode(chunk)),
        ended: well => (well ? into.close() : fail()),
      })
      signal?.addEventListener('abort', () => {
        caller.leave()
        fail()
      })
    })
  }
  return { XMLHttpRequest: ModelXhr, fetch }
}

function headerOf(name: string): string | null {
  return name === 'Content-Type' ? 'text/event-stream' : null
}

/** As much of a document as JSONP needs. */
function scripts(wires: () => Network) {
  const page: Record<string, (text: string) => void> = {}
  const callers = new Map<object, Caller>()
  const document = {
    defaultView: page,
    readyState: 'complete',
    querySelector: () => null,
    createElement: () => ({ src: '', onload: null as Handler, onerror: null as Handler }),
    head: { append: load },
    implementation: {
      createHTMLDocument: () => ({ adoptNode: (script: object) => callers.get(script)?.leave() }),
    },
  }
  return document

  function load(script: ReturnType<typeof document.createElement>): void {
    const callback = new URL(script.src).searchParams.get('rt.cb') ?? ''
    let answer = ''
    let status = 0
    const caller = call(wires(), undefined, script.src, undefined, {
      head: code => {
        status = code
      },
      text: chunk => {
        answer += chunk
      },
      ended: well => {
        if (!well || status !== 200) return script.onerror?.({})
        page[callback]?.(answer)
        script.onload?.({})
      },
    })
    callers.set(script, caller)
  }
}

/** The wire begins its work at once, and says nothing before it has given back its end. */
function call(
  network: Network,
  via: Via | undefined,
  url: string,
  body: string | undefined,
  hearer: Parameters<Network['call']>[1],
): Caller {
  const { searchParams } = new URL(url)
  const query = Object.fromEntries(searchParams)
  const topics = searchParams.getAll('rt.t')
  return network.call({ via: via ?? (query['rt.via'] as Via), query, topics, body }, hearer)
}
