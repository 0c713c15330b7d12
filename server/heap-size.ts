import { getHeapStatistics } from 'node:v8'

/** A quarter of the memory that Node gives to its heap, in bytes. */
export function quarterOfHeap(): number {
  return Math.floor(getHeapStatistics().heap_size_limit / 4)
}
