/** Tells the turns of the event loop apart, so that nobody does too much in one. */
export interface Turns {
  /** The number of this turn. */
  now(): number
}

/** How many messages of one client are looked at in one turn of the event loop. */
export const inOneTurn = 250

export function createTurns(): Turns {
  let turn = 0
  let counting = false
  return {
    now() {
      if (!counting) setImmediate(pass)
      counting = true
      return turn
    },
  }

  function pass(): void {
    counting = false
    turn++
  }
}

/** Resolves in the next turn. */
export function nextTurn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
