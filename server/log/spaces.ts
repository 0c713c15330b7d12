import type { Log } from './log.ts'

/** Where a topic is. A log that is not spread has one space. */
export function spaceOf({ spaces }: Pick<Log, 'spaces'>, topic: string): number {
  return spaces ? spaces.of(topic) : 0
}

/** Whether the part of the log can be read that has this topic. */
export function isReadyFor(log: Pick<Log, 'spaces' | 'ready'>, topic: string): boolean {
  const { spaces } = log
  return spaces ? spaces.isReady(spaces.of(topic)) : log.ready !== false
}

/** Whether all of it can be read. */
export function isAllReady(log: Pick<Log, 'spaces' | 'ready'>): boolean {
  const { spaces, ready } = log
  if (!spaces) return ready !== false
  return Array.from({ length: spaces.count }, (_, space) => spaces.isReady(space)).every(Boolean)
}

/** Topics by the space that they are in. */
export function bySpace(log: Pick<Log, 'spaces'>, topics: readonly string[]): Map<number, string[]> {
  const found = new Map<number, string[]>()
  for (const topic of topics) {
    const space = spaceOf(log, topic)
    const same = found.get(space)
    if (same) same.push(topic)
    else found.set(space, [topic])
  }
  return found
}
