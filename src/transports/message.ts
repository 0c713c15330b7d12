import type { Reader } from '../dialects/dialect.ts'

/** Reads an answer that is no event stream: all of it is the text of one message. */
export function messageReader(id?: string): Reader {
  let data = ''
  return {
    feed(chunk) {
      data += chunk
      return []
    },
    end: () => [{ id, event: undefined, data }],
    get overflowed() {
      return data.length > 2 ** 20
    },
  }
}

/**
 * The second is what servers say that were written for Opera 9. No browser's EventSource takes it any more, nor do the
 * transports that stand in for one; those that a page imports do.
 */
export function isEventStream(type: string | null): boolean {
  return /^\s*(text\/event-stream|application\/x-dom-event-stream)\s*(;|$)/i.test(type ?? '')
}
