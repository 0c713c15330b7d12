import type { IncomingMessage } from 'node:http'
import { constants, inflateRawSync } from 'node:zlib'
import type { WebSocket } from 'ws'

/**
 * Each message is compressed by itself, both ways: no secret of an earlier one tells by the size of a later one, and no line has memory for a window. `ws`
 * itself compresses nothing.
 */
export const deflate = {
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  threshold: Number.POSITIVE_INFINITY,
}

const name = 'sec-websocket-extensions'

/** What a client may say in its offer. A smaller window of the server's (`server_max_window_bits`) would need bytes of its own. */
const offer =
  /^permessage-deflate(\s*;\s*((server|client)_no_context_takeover|client_max_window_bits(\s*=\s*"?\d+"?)?))*$/

/** Leaves of what a client offers what is taken: `ws` refuses the handshake for an offer that it cannot take, where we have it go without. */
export function offerOnly({ headers }: Pick<IncomingMessage, 'headers'>): void {
  const offers = (headers[name] ?? '').split(',')
  if (offers.some(each => offer.test(each.trim()))) headers[name] = 'permessage-deflate'
  else delete headers[name]
}

type Done = (error: Error | null, bytes?: Buffer) => void

/** What `ws` has for each socket that has agreed on compression. */
interface Extension {
  params: unknown
  _options: unknown
  decompress(data: Buffer, isLast: boolean, done: Done): void
  cleanup(): void
}

type Inflate = Extension['decompress']

/**
 * Gives what makes sockets inflate in our way. Where `ws` has other names for what it keeps, its own way remains, and costs more memory. All sockets have
 * agreed on the same, which is kept once.
 */
export function createInflation(most: number): (ws: WebSocket) => void {
  const decompress = inflateUpTo(most)
  let shared: Pick<Extension, 'params' | '_options' | 'decompress'> | undefined
  return ws => {
    const { _extensions: extensions } = ws as { _extensions?: Record<string, Extension> }
    const extension = extensions?.['permessage-deflate']
    if (!extension) return
    shared ??= { params: extension.params, _options: extension._options, decompress }
    Object.assign(extension, shared)
  }
}

/**
 * In the place of what `ws` does to inflate, which keeps 50 kB for a socket from the first message on, and takes several times as long for a
 * small one. For a message that comes in fragments, and for what cannot be inflated, it is `ws` that does it, and says what is wrong.
 */
function inflateUpTo(most: number): Inflate {
  const inPieces = new WeakSet<Extension>()
  return function inflate(this: Extension, data, isLast, done) {
    if (!isLast || inPieces.has(this)) {
      if (isLast) inPieces.delete(this)
      else inPieces.add(this)
      return bySelf(this, data, isLast, done)
    }
    // One in a turn of the event loop: what follows of the same client comes behind what others have sent.
    setImmediate(() => {
      const bytes = inflated(data, most)
      if (bytes) done(null, bytes)
      else bySelf(this, data, isLast, done)
    })
  }
}

/** Lets `ws` inflate, and lets go of what it would keep for the next time. */
function bySelf(extension: Extension, data: Buffer, isLast: boolean, done: Done): void {
  const { decompress } = Object.getPrototypeOf(extension) as Extension
  decompress.call(extension, data, isLast, (error, bytes) => {
    if (isLast) extension.cleanup()
    done(error, bytes)
  })
}

/** Nothing if it is more than it may be, or nothing that was compressed. */
function inflated(data: Buffer, most: number): Buffer | undefined {
  try {
    return inflateRawSync(data, {
      finishFlush: constants.Z_SYNC_FLUSH,
      maxOutputLength: most,
      // It is made of pieces of so many bytes, of which the last one is not full.
      chunkSize: Math.min(Math.max(data.length * 4, 256), 2 ** 14),
    })
  } catch {
    return undefined
  }
}
