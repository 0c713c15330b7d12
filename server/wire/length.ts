import { pack } from '../../src/wire/payload.ts'

/** How many characters the data of a message may take on the wire. PROTOCOL.md tells readers to have room for it. */
export const longest = 2 ** 20

/** Each line of data is one on the wire, after the six characters of `data: `. Most messages are far from the limit. */
export function lengthOnWire(data: string): number {
  return data.length < longest / 7 ? data.length : data.length + 6 * data.split('\n').length
}

/** Whether data that came in a shorter spelling than ours takes no more than `most` in ours. No spelling of bytes is shorter. */
export function fitsOnWire(data: string | ArrayBuffer, most: number): boolean {
  // Each character may become two, and each line has six more.
  return typeof data !== 'string' || data.length < longest / 14 || lengthOnWire(pack(data).data) <= most
}
