/**
 * What the hub takes from Node and `ws`, for a page: as much as a hub needs that lives in a page and serves that page alone. What only a server on a
 * network has, such as sockets and tickets, is not here, and throws.
 */

import { Buffer } from './globals.ts'

export class EventEmitter extends EventTarget {
  on(name: string, listener: () => void): this {
    this.addEventListener(name, listener)
    return this
  }
  once(name: string, listener: () => void): this {
    this.addEventListener(name, listener, { once: true })
    return this
  }
  off(name: string, listener: () => void): this {
    this.removeEventListener(name, listener)
    return this
  }
  emit(name: string): boolean {
    return this.dispatchEvent(new Event(name))
  }
}

export function randomBytes(length: number) {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(length)))
}

/** Tells names apart, and hides nothing: nobody but the page itself sees them. */
export function createHash() {
  let text = ''
  const hash = {
    update(more: string) {
      text += more
      return hash
    },
    digest: () => Buffer.from(text),
  }
  return hash
}

export const types = { isNativeError: (value: unknown) => value instanceof Error }
export const inspect = (value: unknown) => (value instanceof Error ? (value.stack ?? '') : `${value}`)
export const isIP = () => 0
export const getHeapStatistics = () => ({ heap_size_limit: 0 })
export const STATUS_CODES: Record<number, string> = {}

export class BlockList {}
export class WebSocket {}
export class WebSocketServer {
  on(): this {
    return this
  }
}

export const createCipheriv = notHere
export const createDecipheriv = notHere
export const timingSafeEqual = notHere
export const readFileSync = notHere
export const hostname = notHere
export const networkInterfaces = notHere
export const isIPv4 = notHere
export const isIPv6 = notHere
export const createHmac = notHere
export const createServer = notHere
export const createSocket = notHere
export const once = notHere
export const readSync = notHere
export const request = notHere
export const deflateRawSync = notHere
export const gzipSync = notHere
export const crc32 = undefined
export const inflateRawSync = notHere
export const constants = {}
export class Agent {}

function notHere(): never {
  throw new Error('a page has nothing of the kind')
}
