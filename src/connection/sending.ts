/**
 * A promise that knows whether anybody listens to it. `await`, `Promise.all` and the like ask a class of its own for its `then`,
 * where of a plain promise they would not.
 */
class Heeded<T> extends Promise<T> {
  heard = false

  static override get [Symbol.species](): PromiseConstructor {
    return Promise
  }

  // biome-ignore lint/suspicious/noThenProperty: it is a promise's.
  override then<A = T, B = never>(
    fulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.heard = true
    return super.then(fulfilled, rejected)
  }
}

/**
 * The outcome of what `begin` begins. A rejection that nobody listens to would end a Node process, so it is handed to `unheard` instead, after
 * what is going on: who asks for the promise later in the same turn has listened. `refused` is told of each. A page may send ten thousand
 * messages in a turn, so nothing but the outcome is listened to as long as there is no rejection.
 */
export function heeded<T>(
  begin: () => Promise<T>,
  unheard: (error: unknown) => void,
  later: (act: () => void) => void,
  refused = (_error: unknown) => {},
): Promise<T> {
  const promise: Heeded<T> = new Heeded<T>((resolve, reject) => {
    const fail = (error: unknown) => {
      const tell = () => promise.heard || unheard(error)
      const ask = () => promise.heard || later(tell)
      reject(error)
      refused(error)
      Promise.prototype.then.call(promise, undefined, ask)
    }
    try {
      begin().then(resolve, fail)
    } catch (error) {
      queueMicrotask(() => fail(error))
    }
  })
  return promise
}
