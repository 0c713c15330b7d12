import type { Open } from '../peer.ts'
import { sendOne } from './send-one.ts'

/** One growing response with a message in each line, read as it comes. */
export const open: Open = ({ heard, failed }) => {
  const gone = new AbortController()
  const read = async () => {
    const { body } = await fetch('/lines', { signal: gone.signal })
    const reader = (body as ReadableStream<Uint8Array>).getReader()
    const decoder = new TextDecoder()
    let rest = ''
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return failed()
      const lines = (rest + decoder.decode(value, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) heard(line)
    }
  }
  read().catch(() => gone.signal.aborted || failed())
  return { send: sendOne, close: () => gone.abort() }
}
