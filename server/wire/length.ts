import { pack } from '../../src/wire/payload.ts'

/** How many characters the data of a message may take on the wire. PROTOCOL.md tells readers to have room for it. */
export const longest = 2 ** 20

/** Each line of data is one on the wire, after the six characters of `data: `. Most messages are far from the limit. */
export function lengthOnWire(data: string): number {
  return data.length < longest / 7 ? data.length : data.length + 6 * data.split('\n').length
}

/** Whether data can be published: what came in a shorter spelling than ours may not. */
export function fitsOnWire(data: string | ArrayBuffer): boolean {
  return typeof data !== 'string' || data.length < longest / 14 || lengthOnWire(pack(data).data) <= longest
}
