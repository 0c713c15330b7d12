/** Lets something be done soon after it was asked for, and not more often than once in a while. */
export interface Pace {
  soon(): void
  stop(): void
}

/** `act` is called once for all that was asked since its last call, `ms` after that at the earliest. */
export function createPace(ms: number, act: () => void): Pace {
  let timer: NodeJS.Timeout | undefined
  let last = Number.NEGATIVE_INFINITY

  return {
    soon() {
      if (timer) return
      // A clock that was set back must not make anybody wait.
      const wait = Math.min(ms, Math.max(0, last + ms - Date.now()))
      timer = setTimeout(run, wait).unref()
    },
    stop() {
      clearTimeout(timer)
      timer = undefined
    },
  }

  function run(): void {
    timer = undefined
    last = Date.now()
    act()
  }
}
