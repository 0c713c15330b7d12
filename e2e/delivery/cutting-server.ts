import { once } from 'node:events'
import type { Server as HttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'

/** FIN, RST, or nothing more although it stays open. */
export type Break = 'fin' | 'rst' | 'stall'

/** A door to a web server whose first connection breaks. */
export interface Door {
  readonly port: number
  /** Whether that connection got as far as its break. */
  readonly broke: boolean
  close(): void
}

/**
 * Opens a port of its own for one line, so that no browser lets lines wait for each other. Of the first connection exactly
 * `bytes` come down; later ones are left alone.
 */
export async function openDoor(behind: HttpServer, bytes: number, how: Break): Promise<Door> {
  let first = true
  let broke = false
  const sockets = new Set<Socket>()
  const door = createServer(socket => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.setNoDelay(true)
    if (first)
      breakAfter(socket, bytes, how, () => {
        broke = true
      })
    first = false
    behind.emit('connection', socket)
  })
  return {
    port: await listen(door),
    get broke() {
      return broke
    },
    close() {
      door.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** A door without a break. */
export function openSoundDoor(behind: HttpServer): Promise<Door> {
  return openDoor(behind, Number.POSITIVE_INFINITY, 'fin')
}

async function listen(door: Server): Promise<number> {
  door.listen(0, '127.0.0.1')
  await once(door, 'listening')
  return (door.address() as AddressInfo).port
}

/** Stands between what the server writes and the network. */
function breakAfter(socket: Socket, bytes: number, how: Break, broken: () => void): void {
  const write = (piece: Buffer, done: () => void) => plainWrite(piece, 'buffer' as BufferEncoding, done)
  const plainWrite = socket._write.bind(socket)
  let left = bytes
  // Without it all writes come one by one.
  Object.assign(socket, { _writev: undefined })
  socket._write = (chunk: Buffer | string, encoding, done) => {
    const piece = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk
    if (piece.length < left) {
      left -= piece.length
      return write(piece, done)
    }
    broken()
    const end = () => {
      if (how === 'rst') socket.resetAndDestroy()
      else if (how === 'fin') socket.destroySoon()
      // The server believes that all is well.
      socket._write = (_chunk, _encoding, done) => done()
      done()
    }
    if (left === 0) end()
    else write(piece.subarray(0, left), end)
    left = 0
  }
}
