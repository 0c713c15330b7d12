/** A chat that was made with `sockjs-client`: the import alone has changed. */
import { SockJS } from 'throughline/drop-in'

export function openChat(url: string, show: (text: string) => void): SockJS {
  const sock = new SockJS(url, null, { transports: ['websocket', 'xhr-polling'] })
  sock.onopen = () => sock.send('hello')
  sock.onmessage = ({ data }) => show(data)
  sock.onclose = ({ code, reason }) => show(`closed: ${code} ${reason}`)
  return sock
}
