/** Which event names have listeners, for transports that have to ask the browser for each. */
export interface EventNames {
  add(name: string): void
  /** Calls for each name that there is, and for each that is added; gives back the undo. */
  follow(added: (name: string) => void): () => void
}

export function createEventNames(): EventNames {
  const names = new Set(['message'])
  const followers = new Set<(name: string) => void>()
  return {
    add(name) {
      if (names.has(name)) return
      names.add(name)
      for (const follower of followers) follower(name)
    },
    follow(added) {
      for (const name of names) added(name)
      followers.add(added)
      return () => followers.delete(added)
    },
  }
}
