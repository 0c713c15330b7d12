import { show } from '../../src/wire/codec.ts'
import { isPrivate, isWritable } from './log.ts'

/**
 * One number for all topics, or one for each pattern: the name of a topic, or the beginning of names and then `*`. Of the patterns that a topic
 * fits the longest counts, and its own name before any other; a topic that fits none has the default. What is sent to one session alone goes by
 * `*`.
 */
export type PerTopic = number | Readonly<Record<string, number>>

/** What holds for each topic. */
export interface TopicValues {
  of(topic: string): number
  /** Each number that may hold for a topic, once. */
  readonly all: readonly number[]
}

/**
 * Reads the option of this name. `check` throws for a number that cannot be.
 *
 * @throws {TypeError} naming the option, and the pattern that it is about
 */
export function perTopic(
  option: string,
  given: PerTopic,
  usual: number,
  check: (name: string, value: number) => void,
): TopicValues {
  const differs = typeof given === 'object' && given !== null && !Array.isArray(given)
  const patterns = new Map(Object.entries(differs ? given : { '*': given as number }))
  for (const [pattern, value] of patterns) {
    checkPattern(option, pattern)
    check(differs ? `${option}[${show(pattern)}]` : option, value)
  }
  const beginnings = [...patterns.keys()]
    .filter(pattern => pattern.endsWith('*'))
    .map(pattern => [pattern.slice(0, -1), patterns.get(pattern) as number] as const)
    .sort(([one], [other]) => other.length - one.length)
  const general = patterns.get('*') ?? usual

  return { of, all: [...new Set([...patterns.values(), general])] }

  function of(topic: string): number {
    if (isPrivate(topic)) return general
    return patterns.get(topic) ?? beginnings.find(([begins]) => topic.startsWith(begins))?.[1] ?? general
  }
}

/** No topic has a name that the others could match: the mistake is told, and not found out by what is missing. */
function checkPattern(option: string, pattern: string): void {
  const [name = '', ...more] = pattern.split('*')
  const isEnd = more.length === 0 || (more.length === 1 && more[0] === '')
  if (pattern === '' || !isEnd || !isWritable(name))
    throw new TypeError(
      `${option} has the pattern ${show(pattern)}; it must be the name of a topic, or the beginning of names and one * at the end; names that begin with "rt." are reserved`,
    )
}
