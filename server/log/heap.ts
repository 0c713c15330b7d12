/** What has a place by the number of its next item. In a heap the first has the lowest, so a list in order is one. */
export interface Numbered {
  next: { readonly seq: number }
}

/** Brings the first to its place in a heap whose others are in theirs. */
export function settle(heap: Numbered[]): void {
  const item = heap[0]
  if (!item) return
  let at = 0
  for (;;) {
    const [left, right] = [heap[at * 2 + 1], heap[at * 2 + 2]]
    const isRight = right !== undefined && left !== undefined && right.next.seq < left.next.seq
    const down = isRight ? right : left
    if (!down || down.next.seq >= item.next.seq) break
    heap[at] = down
    at = at * 2 + (isRight ? 2 : 1)
  }
  heap[at] = item
}

/** Puts the last in place of the first, which is gone. Has to be followed by `settle`. */
export function removeFirst(heap: Numbered[]): void {
  const last = heap.pop() as Numbered
  if (heap.length > 0) heap[0] = last
}
