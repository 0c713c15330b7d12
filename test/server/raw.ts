import { once } from 'node:events'
import net from 'node:net'
import { wait } from './harness.ts'

/** Sends bytes as they are, and gives back all that comes until the connection ends or nothing comes for a while. */
export async function raw(host: string, text: string, patience = 5_000): Promise<string> {
  const socket = net.connect(Number(host.split(':')[1]), '127.0.0.1')
  let heard = ''
  socket.setEncoding('latin1').on('data', chunk => {
    heard += chunk
  })
  socket.on('error', () => {})
  socket.write(text, 'latin1')
  await Promise.race([once(socket, 'close').catch(() => {}), wait(patience)])
  socket.destroy()
  return heard
}

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
