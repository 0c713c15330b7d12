import { once } from 'node:events'
import net from 'node:net'
import { wait } from './harness.ts'

/**
 * Sends bytes as they are. Gives back what came when the connection ends, when it matches `enough`, or after `enough` ms: a time is for
 * what gets no answer.
 */
export async function raw(host: string, text: string, enough: RegExp | number = 20_000): Promise<string> {
  const socket = net.connect(Number(host.split(':')[1]), '127.0.0.1')
  let heard = ''
  socket.setEncoding('latin1')
  socket.on('error', () => {})
  const came = new Promise<void>(resolve => {
    socket.on('data', chunk => {
      heard += chunk
      if (typeof enough !== 'number' && enough.test(heard)) resolve()
    })
  })
  socket.write(text, 'latin1')
  const patience = typeof enough === 'number' ? [wait(enough)] : []
  await Promise.race([once(socket, 'close').catch(() => {}), came, ...patience])
  socket.destroy()
  return heard
}

/** The end of an answer's headers. */
export const head = /\r\n\r\n/

export function handshake(target: string, headers: Record<string, string> = {}): string {
  const all = {
    Host: 'localhost',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`)
  return `GET ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`
}
