import { offer } from './measure.ts'

offer((heard, failed) => {
  const socket = new WebSocket(`ws://${location.host}/socket`)
  socket.onmessage = ({ data }) => heard(data)
  socket.onclose = failed
  return () => socket.close()
})
