import type { Environment } from '../../src/environment.ts'
import { textsOf } from './event-source.ts'

/** A class like a browser's XMLHttpRequest, as far as a line uses it. */
export function requestClass(load: typeof fetch): Environment['XMLHttpRequest'] {
  return class {
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
    #asked = { method: '', url: '' }
    #response: Response | undefined
    readonly #headers = new Headers()
    readonly #left = new AbortController()

    open(method: string, url: string): void {
      this.#asked = { method, url }
    }

    overrideMimeType(): void {}

    setRequestHeader(name: string, value: string): void {
      this.#headers.set(name, value)
    }

    getResponseHeader(name: string): string | null {
      return this.#response?.headers.get(name) ?? null
    }

    send(body?: BodyInit | null): void {
      void this.#run(body ?? null)
    }

    abort(): void {
      this.#left.abort()
    }

    async #run(body: BodyInit | null): Promise<void> {
      const { method, url } = this.#asked
      const { signal } = this.#left
      try {
        const response = await load(url, { method, headers: this.#headers, body, signal })
        this.#response = response
        this.status = response.status
        this.responseURL = url
        this.#enter(2)
        if (response.body)
          for await (const text of textsOf(response.body)) {
            if (signal.aborted) return
            this.responseText += text
            this.#enter(3)
            this.onprogress?.()
          }
        this.#enter(4)
        this.onload?.()
      } catch {
        if (signal.aborted) return
        this.status = 0
        this.#enter(4)
        this.onerror?.()
      }
    }

    #enter(state: number): void {
      this.readyState = state
      this.onreadystatechange?.()
    }
  }
}
