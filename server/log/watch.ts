/** Finds out that somebody who was asked has gone silent. */
export interface Watch {
  asked(): void
  answered(): void
  end(): void
}

/**
 * `silent` is called when something was asked, and neither it nor anything else was answered for `patience` ms. Answers that
 * come slowly, because there are many or they are large, are no silence.
 */
export function createWatch(patience: number, silent: () => void): Watch {
  let waiting = 0
  let answers = 0
  let timer: NodeJS.Timeout | undefined

  return { asked, answered, end }

  function asked(): void {
    if (waiting++ === 0) start()
  }

  function answered(): void {
    answers++
    if (--waiting === 0) end()
    else timer?.refresh()
  }

  function start(): void {
    timer = setTimeout(() => look(answers), patience)
  }

  /** A process that was busy meanwhile has not read what came: it is read before this is decided. */
  function look(before: number): void {
    setImmediate(() => {
      if (timer !== undefined && answers === before) silent()
    })
  }

  function end(): void {
    clearTimeout(timer)
    timer = undefined
  }
}
