/** What a page may assign to `onopen` and the like. */
export type EventHandler<Target, E> = ((this: Target, event: E) => unknown) | null

/**
 * Gives a prototype `onopen` and the like, for events of these types, as Web IDL has them. `check` throws at what is no object of the class.
 *
 * A handler is called among the listeners, where it was first assigned, until `null` is (WHATWG HTML, 8.1.8.1). What is no object at all counts
 * as `null`, and what cannot be called is kept and not called.
 */
export function addHandlers(
  prototype: EventTarget,
  types: readonly string[],
  check: (target: object) => unknown,
): void {
  for (const type of types) {
    /** What is assigned, by the object that it is assigned to. */
    const assigned = new WeakMap<object, { handler: unknown }>()
    const name = `on${type}`
    // Written so, each function has the name that it has in a browser.
    const accessors = {
      get [name](): unknown {
        check(this)
        return assigned.get(this)?.handler ?? null
      },
      set [name](given: unknown) {
        check(this)
        const target = this as never as EventTarget
        const handler = Object(given) === given ? given : null
        const known = assigned.get(target)
        if (known && handler) {
          known.handler = handler
          return
        }
        if (known) target.removeEventListener(type, known as never)
        assigned.delete(target)
        if (!handler) return
        const fresh = {
          handler,
          handleEvent(event: Event) {
            if (typeof fresh.handler === 'function') fresh.handler.call(target, event)
          },
        }
        assigned.set(target, fresh)
        target.addEventListener(type, fresh)
      },
    }
    Object.defineProperties(prototype, Object.getOwnPropertyDescriptors(accessors))
  }
}
