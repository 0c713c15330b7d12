import type { Network, Socket } from './network.ts'

/** A class like a browser's WebSocket (WebSockets standard, 3.1) whose sockets lead to the hub. */
export function socketClass(network: Pick<Network, 'open'>): typeof WebSocket {
  class HubSocket extends EventTarget {
    static readonly CONNECTING = 0
    static readonly OPEN = 1
    static readonly CLOSING = 2
    static readonly CLOSED = 3
    readonly CONNECTING = 0
    readonly OPEN = 1
    readonly CLOSING = 2
    readonly CLOSED = 3
    readonly url: string
    readonly extensions = ''
    readonly bufferedAmount = 0
    protocol = ''
    readyState: 0 | 1 | 2 | 3 = 0
    binaryType = 'blob'
    onopen: ((event: Event) => void) | null = null
    onmessage: ((event: MessageEvent) => void) | null = null
    onerror: ((event: Event) => void) | null = null
    onclose: ((event: Event) => void) | null = null
    #socket: Socket | undefined

    constructor(url: string | URL, protocols: string | string[] = []) {
      super()
      const { href, protocol } = new URL(url)
      this.url = href
      const headers: Record<string, string> = {}
      const offered = [protocols].flat().join(', ')
      if (offered) headers['sec-websocket-protocol'] = offered
      const request = new Request(href.replace(protocol, protocol.replace('ws', 'http')), { headers })
      network
        .open(request, {
          heard: text => this.#tell(new MessageEvent('message', { data: text })),
          closed: (code, reason) => this.#end(code, reason),
        })
        .then(
          socket => this.#begin(socket),
          () => this.#fail(),
        )
    }

    send(data: unknown): void {
      if (this.readyState === 0) throw new DOMException('it is not open yet', 'InvalidStateError')
      if (this.readyState === 1) this.#socket?.send(typeof data === 'string' ? data : new Uint8Array())
    }

    close(): void {
      if (this.readyState >= 2) return
      this.readyState = 2
      queueMicrotask(() => {
        if (this.#socket) this.#socket.close()
        else this.#fail()
      })
    }

    #begin(socket: Socket): void {
      if (this.readyState !== 0) return socket.close()
      this.#socket = socket
      this.protocol = socket.protocol
      this.readyState = 1
      this.#tell(new Event('open'))
      socket.begin()
    }

    #fail(): void {
      if (this.readyState === 3) return
      this.#tell(new Event('error'))
      this.#end(1006, '')
    }

    #end(code: number, reason: string): void {
      if (this.readyState === 3) return
      this.readyState = 3
      this.#tell(Object.assign(new Event('close'), { code, reason, wasClean: code !== 1006 }))
    }

    #tell(event: Event): void {
      const handler = this[`on${event.type}` as 'onopen']
      handler?.call(this, event)
      this.dispatchEvent(event)
    }
  }
  return HubSocket as unknown as typeof WebSocket
}
