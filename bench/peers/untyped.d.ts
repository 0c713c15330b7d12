// As much of two packages without types as these questions use.
declare module 'sockjs' {
  import type { EventEmitter } from 'node:events'
  import type { Server } from 'node:http'

  export interface Connection {
    readonly protocol: string
    write(data: string): void
    close(code?: number, reason?: string): void
    on(name: 'data', listener: (text: string) => void): void
    on(name: 'close', listener: () => void): void
  }
  interface Service extends EventEmitter {
    on(name: 'connection', listener: (connection: Connection) => void): this
    installHandlers(server: Server): void
  }
  export interface Options {
    prefix: string
    log?(): void
    websocket?: boolean
    /** Characters. */
    response_limit?: number
    /** Both in ms. */
    heartbeat_delay?: number
    disconnect_delay?: number
  }
  export function createServer(options: Options): Service
}

declare module 'sockjs-client' {
  export default class SockJS {
    constructor(url: string, reserved?: null, options?: { transports?: string | string[] })
    onmessage: (event: { data: string }) => void
    onclose: () => void
    send(text: string): void
    close(): void
  }
}
