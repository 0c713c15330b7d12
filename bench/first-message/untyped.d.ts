// As much of two packages without types as this question uses.
declare module 'sockjs' {
  import type { EventEmitter } from 'node:events'
  import type { Server } from 'node:http'

  interface Connection {
    readonly protocol: string
    write(data: string): void
  }
  interface Service extends EventEmitter {
    on(name: 'connection', listener: (connection: Connection) => void): this
    installHandlers(server: Server): void
  }
  export function createServer(options: { prefix: string; log?(): void }): Service
}

declare module 'sockjs-client' {
  export default class SockJS {
    constructor(url: string)
    onmessage: (event: { data: string }) => void
    close(): void
  }
}
