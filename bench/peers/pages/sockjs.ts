import SockJS from 'sockjs-client'
import type { Open } from '../peer.ts'

export const open: Open = ({ heard, failed }, via) => {
  const socket = new SockJS('/sockjs', null, via ? { transports: via } : {})
  socket.onmessage = ({ data }) => heard(data)
  socket.onclose = failed
  return { send: text => socket.send(text) as undefined, close: () => socket.close() }
}
