/** Where a class that stands in for one of the browser's keeps that one. The same in every copy of this library that a page may load. */
export const replaced: unique symbol = Symbol.for('throughline.replaced') as never

/**
 * The browser's own class, also where a page has installed ours as the global of that name: a line that took ours for it would open itself for ever.
 * Nothing, where ours is the global and the place had none.
 */
export function nativeOf<Class>(found: Class): Class {
  return typeof found === 'function' && replaced in found ? (found[replaced] as Class) : found
}
