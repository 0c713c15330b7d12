import { getHeapStatistics } from 'node:v8'

/** What a platform gives that tells nothing, in bytes: Cloudflare's Workers have so much. */
const untold = 128 * 2 ** 20

/** A quarter of the memory that Node gives to its heap, in bytes. */
export function quarterOfHeap(): number {
  return Math.floor((getHeapStatistics().heap_size_limit || untold) / 4)
}
