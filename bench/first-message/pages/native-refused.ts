import type { Open } from '../../peers/peer.ts'

/** Not a message: how long a page takes to hear that its handshake was refused. */
export const open: Open = ({ heard }) => {
  const socket = new WebSocket(`ws://${location.host}/socket`)
  socket.onclose = () => heard('websocket')
  return { close: () => socket.close() }
}
