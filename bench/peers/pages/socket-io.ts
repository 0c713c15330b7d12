import { io } from 'socket.io-client'
import type { Open } from '../peer.ts'

export const open: Open = ({ heard }, via) => {
  const socket = io({ forceNew: true, ...(via && { transports: [via] }) }).on('message', heard)
  return { send: text => void socket.emit('message', text), close: () => void socket.disconnect() }
}
