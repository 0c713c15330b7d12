import type { Environment } from '../../src/environment.ts'
import { createParser } from '../../src/wire/parser.ts'
import type { World } from './world.ts'

/** What a server, or a box in its place, answers to one request. */
export interface Answer {
  /** @default 200; 0: refused, or reset at once */
  status?: number
  headers?: Record<string, string>
  /** Several are several frames to a WebSocket. */
  body?: string | string[]
  /** What follows the body. @default ends in good order */
  after?: 'ends' | 'cut' | 'held'
  /** When the code of a WebSocket's close is told, which a server that accepts may say. @default 1000 */
  code?: number
}

export interface Asked {
  readonly via: 'websocket' | 'eventsource' | 'xhr' | 'fetch' | 'script'
  readonly method: string
  readonly url: URL
  /** Which request it is, from 0. */
  readonly turn: number
  readonly headers: Record<string, string>
}

/** All that a page can ask with, and when it asked. */
export interface Answering {
  readonly parts: Partial<Environment>
  readonly asked: (Asked & { at: number })[]
}

/** One way takes so long, in ms. */
const latency = 5

/** A browser whose requests are all answered by one function, in virtual time. */
export function createAnswering(clock: () => World, answer: (asked: Asked) => Answer): Answering {
  const asked: Answering['asked'] = []
  const later = (act: () => void, ms = 2 * latency) => {
    const { environment } = clock()
    const timer = environment.setTimeout(act, ms)
    return () => environment.clearTimeout(timer)
  }

  /** Tells head, body and end, each in its own moment. Gives back what stops it. */
  function ask(
    about: Omit<Asked, 'turn' | 'headers'> & { headers?: Record<string, string> },
    hear: {
      head(answer: Answer & { status: number }): void
      body(text: string): void
      end(well: boolean, code: number): void
    },
  ): () => void {
    const entry = { headers: {}, ...about, turn: asked.length, at: clock().now }
    asked.push(entry)
    let stop = later(() => {
      const told = { status: 200, ...answer(entry) }
      if (told.status === 0) return hear.end(false, 1_006)
      hear.head(told)
      stop = later(() => {
        for (const text of [told.body ?? []].flat()) hear.body(text)
        if (told.after === 'held') return
        stop = later(
          () => hear.end(told.after !== 'cut', told.after === 'cut' ? 1_006 : (told.code ?? 1_000)),
          1,
        )
      }, 1)
    })
    return () => stop()
  }

  class AnsweringSocket {
    readyState = 0
    onopen: (() => void) | null = null
    onmessage: ((event: { data: string }) => void) | null = null
    onclose: ((event: { code: number; reason: string }) => void) | null = null
    private readonly leave: () => void

    constructor(url: string) {
      this.leave = ask(
        { via: 'websocket', method: 'GET', url: new URL(url) },
        {
          head: ({ status }) => {
            // Only a server that takes the handshake has opened it.
            if (status !== 200) return
            this.readyState = 1
            this.onopen?.()
          },
          body: data => this.readyState === 1 && this.onmessage?.({ data }),
          end: (_, code) => {
            const opened = this.readyState === 1
            this.readyState = 3
            this.onclose?.({ code: opened ? code : 1_006, reason: '' })
          },
        },
      )
    }

    send(): void {}

    close(): void {
      this.readyState = 3
      this.leave()
    }
  }

  class AnsweringSource extends EventTarget {
    readyState = 0
    onopen: ((event: Event) => void) | null = null
    onmessage: ((event: Event) => void) | null = null
    onerror: ((event: Event) => void) | null = null
    private readonly url: URL
    private retry = 3_000
    private lastEventId = ''
    private leave: () => void = () => {}

    constructor(url: string) {
      super()
      this.url = new URL(url)
      this.connect()
    }

    private connect(): void {
      const parser = createParser({ bom: true })
      const headers: Record<string, string> = this.lastEventId ? { 'Last-Event-ID': this.lastEventId } : {}
      this.leave = ask(
        { via: 'eventsource', method: 'GET', url: this.url, headers },
        {
          head: ({ status, headers }) => {
            const type = headers?.['Content-Type'] ?? 'text/event-stream'
            this.readyState = status === 200 && type.startsWith('text/event-stream') ? 1 : 2
            this.tell(new Event(this.readyState === 1 ? 'open' : 'error'))
          },
          body: text => {
            for (const { id, event = 'message', data, retry } of parser.feed(text)) {
              this.lastEventId = id ?? this.lastEventId
              this.retry = retry ?? this.retry
              const { lastEventId } = this
              if (data !== undefined && this.readyState === 1)
                this.tell(new MessageEvent(event, { data, lastEventId }))
            }
          },
          end: () => {
            if (this.readyState === 2) return
            this.readyState = 0
            this.leave = later(() => this.connect(), this.retry)
            this.tell(new Event('error'))
          },
        },
      )
    }

    private tell(event: Event): void {
      this[`on${event.type}` as 'onopen']?.(event)
      this.dispatchEvent(event)
    }

    close(): void {
      this.readyState = 2
      this.leave()
    }
  }

  class AnsweringXhr {
    readyState = 0
    status = 0
    responseText = ''
    responseURL = ''
    withCredentials = false
    onreadystatechange: (() => void) | null = null
    onprogress: (() => void) | null = null
    onload: (() => void) | null = null
    onerror: (() => void) | null = null
    onabort: (() => void) | null = null
    private method = 'GET'
    private readonly sent: Record<string, string> = {}
    private told: Record<string, string> = {}
    private leave: () => void = () => {}

    open(method: string, url: string): void {
      this.method = method
      this.responseURL = url
    }
    overrideMimeType(): void {}
    setRequestHeader(name: string, value: string): void {
      this.sent[name] = value
    }
    getResponseHeader(name: string): string | null {
      return this.told[name] ?? null
    }

    send(): void {
      const { method, sent } = this
      this.leave = ask(
        { via: 'xhr', method, url: new URL(this.responseURL), headers: sent },
        {
          head: ({ status, headers }) => {
            this.told = { 'Content-Type': 'text/event-stream', ...headers }
            this.status = status
            this.readyState = 2
            this.onreadystatechange?.()
          },
          body: text => {
            this.responseText += text
            this.readyState = 3
            this.onreadystatechange?.()
          },
          end: well => {
            this.readyState = 4
            if (well) this.onload?.()
            else this.onerror?.()
          },
        },
      )
    }

    abort(): void {
      this.leave()
    }
  }

  function fetch(input: string, { method = 'GET', headers, signal }: RequestInit = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const fail = () => reject(new TypeError('Failed to fetch'))
      let body: ReadableStreamDefaultController<Uint8Array> | undefined
      const stop = ask(
        { via: 'fetch', method, url: new URL(input), headers: headers as Record<string, string> },
        {
          head: told => {
            const stream = new ReadableStream<Uint8Array>({
              start(controller) {
                body = controller
              },
            })
            const all = new Headers({ 'Content-Type': 'text/event-stream', ...told.headers })
            resolve({ status: told.status, url: input, headers: all, body: stream })
          },
          body: text => body?.enqueue(new TextEncoder().encode(text)),
          end: well => {
            if (!body) return fail()
            if (well) body.close()
            else body.error(new TypeError('network error'))
          },
        },
      )
      signal?.addEventListener('abort', () => {
        stop()
        fail()
      })
    })
  }

  const page: Record<string, (text: string) => void> = {}
  const document = {
    defaultView: page,
    readyState: 'complete',
    querySelector: () => null,
    createElement: () => ({ src: '', onload: null, onerror: null }),
    implementation: { createHTMLDocument: () => ({ adoptNode() {} }) },
    head: {
      append(script: { src: string; onload: (() => void) | null; onerror: (() => void) | null }) {
        const url = new URL(script.src)
        const callback = url.searchParams.get('rt.cb') ?? url.searchParams.get('c') ?? ''
        let told: Answer & { status: number }
        let text = ''
        ask(
          { via: 'script', method: 'GET', url },
          {
            head: answer => {
              told = answer
            },
            body: body => {
              text = body
            },
            end: well => {
              if (!well || told.status !== 200) return script.onerror?.()
              page[callback]?.(text)
              script.onload?.()
            },
          },
        )
      },
    },
  }

  const parts = {
    WebSocket: AnsweringSocket,
    EventSource: AnsweringSource,
    XMLHttpRequest: AnsweringXhr,
    fetch,
    document,
  } as unknown as Partial<Environment>
  return { parts, asked }
}
