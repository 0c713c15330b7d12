import type { Registry } from './log.ts'

/** How many texts there may be before it is looked which of them are over. */
const least = 1_000

/** A registry in this process's memory. */
export function createRegistry(): Registry {
  const texts = new Map<string, { text: string; until: number }>()
  let room = least

  // Whoever shares it is in this process.
  return { get, compareAndSet, address: () => '127.0.0.1' }

  function get(key: string): string | undefined {
    const there = texts.get(key)
    return there && there.until > Date.now() ? there.text : undefined
  }

  function compareAndSet(
    key: string,
    expected: string | undefined,
    text: string,
    lasts: number,
  ): string | undefined {
    const there = get(key)
    if (there !== expected) return there
    texts.set(key, { text, until: Date.now() + lasts })
    if (texts.size > room) sweep()
    return text
  }

  function sweep(): void {
    const now = Date.now()
    for (const [key, { until }] of texts) if (until <= now) texts.delete(key)
    room = Math.max(least, 2 * texts.size)
  }
}
