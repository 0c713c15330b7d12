import { offer } from './measure.ts'

/** Not a message: how long a page takes to hear that its handshake was refused. */
offer(heard => {
  const socket = new WebSocket(`ws://${location.host}/socket`)
  socket.onclose = () => heard('websocket')
  return () => socket.close()
})
