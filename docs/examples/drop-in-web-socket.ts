/** A chat that was made with `reconnecting-websocket`: the import alone has changed. */
import { WebSocket as ReconnectingWebSocket } from 'throughline/drop-in'

export function openChat(url: string, show: (text: string) => void): ReconnectingWebSocket {
  const socket = new ReconnectingWebSocket(url, 'chat', { maxReconnectionDelay: 5_000 })
  // It waits for the connection.
  socket.send('hello')
  socket.onmessage = ({ data }) => show(data)
  socket.onclose = ({ code }) => show(`interrupted: ${code}`)
  return socket
}
