import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** A way to Redis that can lead elsewhere, or nowhere. */
export interface Door {
  url: string
  port: number
  /** Those that are open carry nothing any more, and nobody is told; new ones are as before. `which` sees what was sent so far. */
  freeze(which?: (sent: string) => boolean): void
  /** Those that are open end. */
  cut(): void
  /** New ones lead to this port. */
  leadTo(port: number): void
  /** Asked before anything is passed on: a text is answered in Redis' stead. */
  answer: (sent: string) => string | undefined
  /** How often somebody came. */
  readonly visits: number
}

export async function openDoor(behind: { url: string }): Promise<Door> {
  const ways = new Set<{ inner: Socket; outer: Socket; sent: string; frozen: boolean }>()
  let target = Number(new URL(behind.url).port)
  let visits = 0
  const server = createServer(inner => {
    visits++
    const outer = connect(target, '127.0.0.1')
    const way = { inner, outer, sent: '', frozen: false }
    ways.add(way)
    for (const socket of [inner, outer]) socket.on('error', () => {})
    inner.on('data', chunk => {
      const text = String(chunk)
      way.sent += text
      if (way.frozen) return
      const said = door.answer(text)
      if (said === undefined) outer.write(chunk)
      else inner.write(said)
    })
    outer.on('data', chunk => void (way.frozen || inner.write(chunk)))
    inner.on('close', () => {
      outer.destroy()
      ways.delete(way)
    })
    outer.on('close', () => void (way.frozen || inner.destroy()))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const { inner, outer } of ways) for (const socket of [inner, outer]) socket.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const door: Door = {
    url: `redis://127.0.0.1:${port}`,
    port,
    freeze(which = () => true) {
      for (const way of ways) if (which(way.sent)) way.frozen = true
    },
    cut() {
      for (const { inner } of ways) inner.destroy()
    },
    leadTo(next) {
      target = next
    },
    answer: () => undefined,
    get visits() {
      return visits
    },
  }
  return door
}
