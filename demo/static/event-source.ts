import { createParser } from 'eventsource-parser'
import type { Environment } from '../../src/environment.ts'

/** A class like a browser's EventSource, as far as a line uses it: one that is interrupted is given up by the line, so it does not come back. */
export function sourceClass(load: typeof fetch): Environment['EventSource'] {
  return class extends EventTarget {
    readyState = 0
    onopen: ((event: Event) => void) | null = null
    onmessage: ((event: MessageEvent) => void) | null = null
    onerror: ((event: Event) => void) | null = null
    readonly #left = new AbortController()

    constructor(url: string) {
      super()
      void this.#read(url)
    }

    close(): void {
      this.readyState = 2
      this.#left.abort()
    }

    async #read(url: string): Promise<void> {
      try {
        const headers = { Accept: 'text/event-stream' }
        const { body, status } = await load(url, { headers, signal: this.#left.signal })
        if (status !== 200 || !body) return this.#end(2)
        this.readyState = 1
        this.onopen?.(new Event('open'))
        const { feed } = createParser({
          onEvent: ({ event = 'message', data, id = '' }) => {
            const message = new MessageEvent(event, { data, lastEventId: id })
            if (event === 'message') this.onmessage?.(message)
            this.dispatchEvent(message)
          },
        })
        for await (const text of textsOf(body)) feed(text)
      } catch {
        // A network error is an interruption like another.
      }
      this.#end(0)
    }

    #end(state: 0 | 2): void {
      if (this.readyState === 2) return
      this.readyState = state
      this.onerror?.(new Event('error'))
    }
  }
}

/** A body as text, as it comes. */
export async function* textsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  const reader = body.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    yield decoder.decode(value, { stream: true })
  }
}
