import type { Open } from '../peer.ts'
import { sendOne } from './send-one.ts'

/** Asks, takes all that the answer holds, asks again. */
export const open: Open = ({ heard }) => {
  const name = Math.random().toString(36).slice(2)
  let request: XMLHttpRequest
  const poll = () => {
    request = new XMLHttpRequest()
    request.open('GET', `/poll?${name}`)
    request.onload = () => {
      const texts = request.responseText.split('\n')
      poll()
      for (const text of texts) heard(text)
    }
    request.send()
  }
  poll()
  return { send: sendOne, close: () => request.abort() }
}
