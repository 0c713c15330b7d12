/**
 * The same promise to whoever awaits it. If it fails and nobody has asked for its outcome by then, `report` is told: a call
 * whose promise was left alone ends no process. What is made of it by `then` is such a promise too.
 */
export function reported<T>(promise: PromiseLike<T>, report: (error: unknown) => void): Promise<T> {
  const own = new Reported<T>((resolve, reject) => promise.then(resolve, reject))
  own.report = report
  Promise.prototype.then.call(own, undefined, error => {
    // Whoever is given an outcome that was there at once asks for it a moment later.
    setImmediate(() => own.isAsked || report(error))
  })
  return own
}

class Reported<T> extends Promise<T> {
  static override get [Symbol.species]() {
    return Promise
  }

  isAsked = false
  report: ((error: unknown) => void) | undefined

  // biome-ignore lint/suspicious/noThenProperty: a promise has one, and this one has to notice that it is called.
  override then<Yes = T, No = never>(
    fulfilled?: ((value: T) => Yes | PromiseLike<Yes>) | null,
    rejected?: ((reason: unknown) => No | PromiseLike<No>) | null,
  ): Promise<Yes | No> {
    this.isAsked = true
    const next = super.then(fulfilled, rejected)
    return this.report ? reported(next, this.report) : next
  }
}
