/** Whether it was done within that time. */
export function atMost(ms: number, work: Promise<unknown>): Promise<boolean> {
  return new Promise(resolve => {
    const timer = setTimeout(resolve, ms, false)
    void work.then(() => {
      clearTimeout(timer)
      resolve(true)
    })
  })
}

/** Whether it has to be waited for. */
export function isLater<T>(result: T | PromiseLike<T>): result is PromiseLike<T> {
  return typeof (result as PromiseLike<T> | undefined)?.then === 'function'
}
