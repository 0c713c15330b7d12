import { withoutQuery } from '../contracts/failure.ts'
import type { Log } from '../contracts/transport.ts'

/**
 * Writes what there is of the words behind the address. A server may have a part in them, so they are kept on one line. A function of the
 * page's is called after what is going on, which it cannot disturb, whatever it does.
 */
export function createLog(url: string, debug: true | ((text: string) => void)): Log {
  const write = debug === true ? console.debug : debug
  return (...words) => {
    // There may be one for each message.
    if (words[0] === 'roundtrip') return
    const text = [withoutQuery(url), ...words].filter(Boolean).join(' ').replace(/\s+/g, ' ')
    queueMicrotask(() => write(text))
  }
}
