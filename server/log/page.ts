import { removeFirst, settle } from './heap.ts'
import type { Entry, History } from './log.ts'
import type { Ring } from './ring.ts'

export type Page = Pick<History, 'entries' | 'more'>

/** One answer of `after`: at most so many entries, and so many characters of text if that is less. */
export const page = { entries: 4_000, characters: 2 ** 19 }

export const emptyPage: Page = { entries: [], more: false }

/** How far a page has come in one topic. */
interface Reader {
  readonly ring: Ring<Entry>
  index: number
  next: Entry
}

/**
 * What these hold above `seq`, in order, as much as goes on a page, but one entry in any case. The work is that of the page,
 * however much they hold.
 */
export function firstPage(rings: readonly Ring<Entry>[], seq: number): Page {
  const heap = rings.flatMap(ring => readerAt(ring, ring.search(seq))).sort((a, b) => a.next.seq - b.next.seq)
  const entries: Entry[] = []
  let characters = 0
  for (let first = heap[0]; first; first = heap[0]) {
    characters += first.next.text.length
    const isFull = entries.length === page.entries || (entries.length > 0 && characters > page.characters)
    if (isFull) return { entries, more: true }
    entries.push(first.next)
    const next = first.ring.at(++first.index)
    if (next) first.next = next
    else removeFirst(heap)
    settle(heap)
  }
  return { entries, more: false }
}

function readerAt(ring: Ring<Entry>, index: number): Reader[] {
  const next = ring.at(index)
  return next ? [{ ring, index, next }] : []
}
