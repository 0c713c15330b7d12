import type { Open } from '../peer.ts'
import { sendOne } from './send-one.ts'

export const open: Open = ({ heard }) => {
  const source = new EventSource('/stream')
  source.onmessage = ({ data }) => heard(data)
  return { send: sendOne, close: () => source.close() }
}
