/** A value that changes, as a component sees it: React, Vue and Svelte each read it in a way of their own. */
export interface Store<Value> {
  /**
   * Calls when there is news, once for all that comes in one task. The first to subscribe begins what brings the value; it ends after the last has left, unless
   * somebody comes in the same task. Gives back the undo.
   */
  subscribe(changed: () => void): () => void
  /** The value now: the same object until there is news. */
  get(): Value
  /** The value while nobody subscribes, as on a server. */
  readonly initial: Value
}

/** What brings a value, while somebody wants it. */
export interface Source<Value> {
  /** The value now: the one given, if there is no news. */
  read(last: Value): Value
  end(): void
}

/**
 * A store that does nothing before somebody subscribes.
 *
 * @param begin starts what brings the value, which calls `stir` when there may be news
 */
export function createStore<Value>(initial: Value, begin: (stir: () => void) => Source<Value>): Store<Value> {
  const listeners = new Set<{ readonly changed: () => void }>()
  let source: Source<Value> | undefined
  let value = initial
  let isStirred = false
  return { subscribe, get: () => value, initial }

  function subscribe(changed: () => void): () => void {
    // An object, since one function may subscribe twice.
    const listener = { changed }
    if (!source) {
      source = begin(stir)
      value = source.read(value)
    }
    listeners.add(listener)
    return () => {
      if (listeners.delete(listener) && listeners.size === 0) queueMicrotask(endIfLeft)
    }
  }

  /** StrictMode leaves and comes back at once, and so does a component that takes the place of another. */
  function endIfLeft(): void {
    if (listeners.size > 0 || !source) return
    const { end } = source
    source = undefined
    value = initial
    end()
  }

  function stir(): void {
    if (isStirred) return
    isStirred = true
    queueMicrotask(() => {
      isStirred = false
      const last = value
      if (source) value = source.read(last)
      if (value !== last) for (const { changed } of [...listeners]) changed()
    })
  }
}

/** The same object, if the other has nothing else in it. */
export function same<Value extends object>(last: Value, now: Value): Value {
  const names = Object.keys(now) as (keyof Value)[]
  return names.every(name => Object.is(last[name], now[name])) ? last : now
}

/** Adds listeners, and gives back the undo. */
export function listen(
  target: object,
  listeners: Readonly<Record<string, (event: never) => void>>,
): () => void {
  const all = Object.entries(listeners) as [string, (event: Event) => void][]
  const events = target as EventTarget
  for (const [name, listener] of all) events.addEventListener(name, listener)
  return () => {
    for (const [name, listener] of all) events.removeEventListener(name, listener)
  }
}

/** Whether an event is one of ours: a server's message of the same name has `data`. */
export function isOwn(event: object): boolean {
  return !('data' in event)
}
