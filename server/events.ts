import { createPrinter } from './printer.ts'

/** What is told to an application, by name. Errors are reported, everything else is told. */
export interface Events<Told extends { error: unknown }> {
  /** Gives back the undo. Whoever listens from within a listener hears from the next time on. Throws a TypeError for what is no name or no function. */
  on<Name extends keyof Told>(name: Name, listener: Listener<Told[Name]>): () => void
  /**
   * Calls the listeners in the order they came, and gives back what the first of them gave that gave something. A promise of that comes
   * back only if one of them gave one, and settles when all of these have. It never rejects, and no listener keeps the others from being
   * called: what one throws goes to `failed`.
   */
  tell<Name extends Exclude<keyof Told, 'error'>>(
    name: Name,
    event: Told[Name],
    failed?: (thrown: unknown) => void,
  ): unknown
  /** What the listeners make of it, one after the other, in the order they came. Rejects with what one of them throws. */
  ask<Name extends Exclude<keyof Told, 'error'>>(name: Name, event: Told[Name]): Promise<unknown[]>
  /** Whether anybody listens. */
  hasListeners(name: keyof Told): boolean
  /** Tells the listeners for `error`, or the console if there is none: cut, and so many in a while. */
  report(error: Told['error']): void
}

/** What `on` takes. A promise that it gives is waited for where the event says so. */
export type Listener<Event, Given = unknown> = (event: Event) => Given

export function createEvents<Told extends { error: unknown }>(
  names: readonly (keyof Told & string)[],
): Events<Told> {
  // Lists are replaced and never changed, so that one who is called may listen and leave as he likes.
  const listeners: { [Name in keyof Told]?: readonly Listener<Told[Name]>[] } = {}

  const print = createPrinter()

  return { on, tell, ask, hasListeners, report }

  function on<Name extends keyof Told>(name: Name, listener: Listener<Told[Name]>): () => void {
    if (!names.some(known => known === name))
      throw new TypeError(`on: there is no event ${JSON.stringify(name)}; there are ${names.join(', ')}`)
    if (typeof listener !== 'function')
      throw new TypeError(
        `on: the listener for ${name as string} is ${String(listener)}; it has to be a function`,
      )
    const own: Listener<Told[Name]> = event => listener(event) // the same function twice is two listeners
    listeners[name] = [...(listeners[name] ?? []), own]
    return () => {
      listeners[name] = listeners[name]?.filter(other => other !== own)
    }
  }

  function tell<Name extends keyof Told>(name: Name, event: Told[Name], failed = report): unknown {
    return callAll(listeners[name], event, failed)
  }

  async function ask<Name extends Exclude<keyof Told, 'error'>>(
    name: Name,
    event: Told[Name],
  ): Promise<unknown[]> {
    const said: unknown[] = []
    for (const listener of listeners[name] ?? []) said.push(await listener(event))
    return said
  }

  function hasListeners(name: keyof Told): boolean {
    return !!listeners[name]?.length
  }

  function report(error: Told['error']): void {
    if (!listeners.error?.length) print(error)
    else void callAll(listeners.error, error, print)
  }
}

function callAll<Event>(
  listeners: Iterable<Listener<Event>> = [],
  event: Event,
  failed: (error: unknown) => void,
): unknown {
  const given: unknown[] = []
  let isPending = false
  for (const listener of listeners) {
    try {
      const result = listener(event)
      if (isPromise(result)) isPending = true
      given.push(isPromise(result) ? result.then(undefined, error => void failed(error)) : result)
    } catch (error) {
      failed(error)
    }
  }
  return isPending ? Promise.all(given).then(firstOf) : firstOf(given)
}

function firstOf(given: readonly unknown[]): unknown {
  return given.find(value => value !== undefined)
}

export function isPromise(value: unknown): value is Promise<unknown> {
  return typeof (value as Promise<unknown> | undefined)?.then === 'function'
}
