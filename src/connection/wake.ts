import type { Environment } from '../environment.ts'

/**
 * Hears what is a reason to be connected now, and when the page is put aside. There is no `unload` among them: a page
 * that listens for it is kept out of the back/forward cache. Gives back the undo.
 */
export function listenForWakes(environment: Environment, wake: () => void, park: () => void): () => void {
  const undo = [
    environment.listen('online', wake),
    environment.listen('pageshow', wake),
    environment.listen('resume', wake),
    environment.listen('visibilitychange', () => {
      if (environment.visible()) wake()
    }),
    environment.listen('pagehide', park),
  ]
  return () => {
    for (const each of undo) each()
  }
}
