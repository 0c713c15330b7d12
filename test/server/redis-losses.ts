import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A way to Redis on which notices get lost. */
export interface LossyWay {
  url: string
  /** From now on each so many-th notice is dropped, over all connections; with 0 none. */
  lose(every: number): void
  /** How many were. */
  readonly lost: number
  close(): void
}

export async function startLossyWay(behind: { url: string }): Promise<LossyWay> {
  const ways = new Set<Socket>()
  const { hostname, port } = new URL(behind.url)
  let every = 0
  let seen = 0
  let lost = 0
  const server = createServer({ noDelay: true }, inner => {
    const outer = connect({ host: hostname, port: Number(port), noDelay: true })
    let rest = Buffer.alloc(0)
    for (const socket of [inner, outer]) {
      ways.add(socket)
      socket.on('error', () => {}).once('close', () => ways.delete(socket))
    }
    inner.pipe(outer)
    inner.once('close', () => outer.destroy())
    outer.once('close', () => inner.destroy())
    outer.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk])
      let at = 0
      for (let end = frameEnd(rest, 0); end > 0; end = frameEnd(rest, at)) {
        const frame = rest.subarray(at, end)
        at = end
        if (isNotice(frame) && every > 0 && ++seen % every === 0) lost++
        else inner.write(frame)
      }
      rest = rest.subarray(at)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lose(next) {
      every = next
    },
    get lost() {
      return lost
    },
    close() {
      server.close()
      for (const socket of ways) socket.destroy()
    },
  }
}

/** What is published comes as an array, or in RESP3 as a push, whose first text says so. */
function isNotice(frame: Buffer): boolean {
  return /^[*>]\d+\r\n\$\d\r\ns?message\r\n/.test(frame.subarray(0, 32).toString('latin1'))
}

/** Where the frame ends that begins at `at`; 0 if it has not come whole. */
function frameEnd(bytes: Buffer, at: number): number {
  const line = bytes.indexOf('\r\n', at)
  if (line < 0) return 0
  const type = String.fromCharCode(bytes[at] as number)
  const count = Number(bytes.subarray(at + 1, line).toString('latin1'))
  let end = line + 2
  if ('$=!'.includes(type)) end = count < 0 ? end : end + count + 2
  else if ('*>~%'.includes(type))
    for (let left = type === '%' ? 2 * count : count; left > 0 && end > 0; left--) end = frameEnd(bytes, end)
  return end <= bytes.length ? end : 0
}
