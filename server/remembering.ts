/** How many answers are remembered, and of how long texts. */
const most = 200
const longest = 500

/** Answers to the same text once: most requests come from a few pages to a few hosts. Whoever asks with ever new texts finds them forgotten. */
export function remembering<T>(find: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>()
  return text => {
    const before = known.get(text)
    if (before !== undefined || text.length > longest) return before ?? find(text)
    const found = find(text)
    if (known.size === most) known.clear()
    known.set(text, found)
    return found
  }
}
