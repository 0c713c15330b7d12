import { removeFirst, settle } from './heap.ts'
import type { Entry, History } from './log.ts'
import type { Ring } from './ring.ts'

export type Page = Pick<History, 'entries' | 'more'>

/** One answer of `after`: at most so many entries, and so many characters of text if that is less. */
export const page = { entries: 4_000, characters: 2 ** 19 }

export const emptyPage: Page = { entries: [], more: false }

/** How far a page has come in one topic. */
interface Reader<T> {
  readonly ring: Ring<T>
  index: number
  next: T
}

/** What these hold above `seq`, in order, as much as goes on a page. */
export function firstPage(rings: readonly Ring<Entry>[], seq: number): Page {
  const { items, more } = firstItems(rings, seq, ({ text }) => text.length)
  return { entries: items, more }
}

/** The same of items of any kind, each with its size. One comes in any case. The work is that of the page, however much the rings hold. */
export function firstItems<T extends { readonly seq: number }>(
  rings: readonly Ring<T>[],
  seq: number,
  sizeOf: (item: T) => number,
): { items: T[]; more: boolean } {
  const heap = rings.flatMap(ring => readerAt(ring, ring.search(seq))).sort((a, b) => a.next.seq - b.next.seq)
  const items: T[] = []
  let characters = 0
  for (let first = heap[0]; first; first = heap[0]) {
    characters += sizeOf(first.next)
    const isFull = items.length === page.entries || (items.length > 0 && characters > page.characters)
    if (isFull) return { items, more: true }
    items.push(first.next)
    const next = first.ring.at(++first.index)
    if (next) first.next = next
    else removeFirst(heap)
    settle(heap)
  }
  return { items, more: false }
}

function readerAt<T>(ring: Ring<T>, index: number): Reader<T>[] {
  const next = ring.at(index)
  return next ? [{ ring, index, next }] : []
}
