/** How much later than asked a timer may fire on a machine that was awake, in ms. */
const late = 1_000

/**
 * Calls `act` when nothing came for so many ms, and it could have been heard: a timer that is late had to wait for the page, or for a machine that slept, and then
 * the time begins anew. A timer for each piece that comes would cost more than reading it.
 */
export function watchFor(ms: number, act: () => void): { alive(): void; stop(): void } {
  let last = performance.now()
  let timer: ReturnType<typeof setTimeout> | undefined
  const watch = (left: number) => {
    const due = performance.now() + left
    const look = () => {
      const now = performance.now()
      if (now > due + late) last = now
      const more = last + ms - now
      if (more > 0) watch(more)
      else act()
    }
    // A longer time than a timer can hold would be over at once.
    if (ms < 2 ** 31) timer = setTimeout(look, left)
  }
  watch(ms)
  return {
    alive() {
      last = performance.now()
    },
    stop: () => clearTimeout(timer),
  }
}
