import SockJS from 'sockjs-client'
import { offer } from './measure.ts'

offer(heard => {
  const socket = new SockJS('/sockjs')
  socket.onmessage = ({ data }) => heard(data)
  return () => socket.close()
})
