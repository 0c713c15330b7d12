import type { Open } from '../peer.ts'

export const open: Open = ({ heard, failed }) => {
  const socket = new WebSocket(`ws://${location.host}/socket`)
  socket.onmessage = ({ data }) => heard(data)
  socket.onclose = failed
  return { send: text => void socket.send(text), close: () => socket.close() }
}
