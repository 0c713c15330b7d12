import type { Reader } from '../../contracts/dialect.ts'
import { gatherer } from '../../wire/gatherer.ts'

/** Reads an answer that is no event stream: all of it is the text of one message. */
export function messageReader(largest?: number): Reader {
  const text = gatherer(largest)
  return {
    feed(chunk) {
      text.add(chunk as string)
      return []
    },
    end: () => [{ id: undefined, event: undefined, ...text.taken() }],
  }
}

/**
 * The second is what servers say that were written for Opera 9. No browser's EventSource takes it any more, nor do the
 * transports that stand in for one; those that a page imports do.
 */
export function isAnyEventStream(type: string | null): boolean {
  return ['text/event-stream', 'application/x-dom-event-stream'].includes(mediaType(type))
}

/** What a `Content-Type` says, or several in one: the last that can be read counts (Fetch, "extract a MIME type"). Empty, if there is none. */
export function mediaType(header: string | null): string {
  const types = (header ?? '').split(',').map(each => (each.split(';', 1)[0] as string).trim().toLowerCase())
  return types.filter(type => /^[^\s/"=]+\/[^\s/"=]+$/.test(type)).at(-1) ?? ''
}
