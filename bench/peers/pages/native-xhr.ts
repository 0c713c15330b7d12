import type { Open } from '../peer.ts'
import { sendOne } from './send-one.ts'

/** Lines out of one growing response, without ever beginning a new one. */
export const open: Open = ({ heard, failed }) => {
  const request = new XMLHttpRequest()
  let seen = 0
  request.open('GET', '/lines')
  request.onprogress = () => {
    const text = request.responseText
    const end = text.lastIndexOf('\n') + 1
    if (end <= seen) return
    const lines = text.slice(seen, end - 1).split('\n')
    seen = end
    for (const line of lines) heard(line)
  }
  request.onloadend = failed
  request.send()
  return { send: sendOne, close: () => request.abort() }
}
