import { createSocket } from 'node:dgram'
import { once } from 'node:events'

/** The address by which this machine reaches another one. Nothing is sent: a datagram socket that is connected knows its own end. */
export async function localAddressTo(host: string, port: number): Promise<string | undefined> {
  for (const family of ['udp4', 'udp6'] as const) {
    const socket = createSocket(family)
    try {
      socket.connect(port, host)
      await once(socket, 'connect')
      return socket.address().address
    } catch {
      // It has no address of this family.
    } finally {
      socket.close()
    }
  }
  return undefined
}
