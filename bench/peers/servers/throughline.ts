import type { Server } from 'node:http'
import { createHub } from '../../../server/index.ts'
import type { Door } from '../peer.ts'

/** A page may fall so many messages behind, or 64 MiB of them. One that falls further behind hears of a gap, and the question fails. */
const retain = 110_000

export function serveThroughline(server: Server, { joined, heard }: Door): (text: string) => void {
  const hub = createHub({ retain, retainBytes: 2 ** 26, admission: 100_000 })
  hub.on('open', ({ session }) =>
    joined({ carrier: session.transport, send: text => void session.send(text) }),
  )
  hub.on('message', ({ data }) => heard?.(data as string))
  hub.attach(server)
  return text => void hub.publish('bench', text)
}
