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
 * The same outcome. A rejection that nobody listens to would end a Node process, so it is handed to `unheard` instead, after what is
 * going on: who asks for the promise later in the same turn has listened.
 */
export function heeded<T>(
  outcome: Promise<T>,
  unheard: (error: unknown) => void,
  later: (act: () => void) => void,
): Promise<T> {
  const promise = new Heeded<T>((resolve, reject) => outcome.then(resolve, reject))
  const tell = (error: unknown) => promise.heard || unheard(error)
  const refused = (error: unknown) => promise.heard || later(() => tell(error))
  Promise.prototype.then.call(promise, undefined, refused)
  return promise
}
