import type { Entry, History, Log, LogListener, Packed, Past, PerTopic, Whole } from '../../server/index.ts'
import type { LogOptions } from './steps.ts'

/** What all names of a case have in braces. */
const tag = '{one}'

/**
 * A log that is spread, as those see it whose topics are all in one space: each name has the same text in braces, which is put in and taken out here. A log that is not spread is
 * as it is.
 */
export function inOneSpace(log: Log): Log {
  const { spaces, registry } = log
  if (!spaces) return log
  return {
    append: (topic: string, message: Packed, whole?: Whole) =>
      later(log.append(tagged(topic), message, whole), plain),
    after: (cursor: string | undefined, topics: readonly string[]) =>
      later(log.after(cursor, topics.map(tagged), spaces.of(tag)), (found): History => plainAll(found)),
    back: (topic: string, how) => later(log.back(tagged(topic), how), (found): Past => plainAll(found)),
    listen: (listener: LogListener) =>
      log.listen({
        heard: entry => listener.heard(plain(entry)),
        passed: (topic, text) => listener.passed?.(untagged(topic), untaggedText(text)),
        missed: space => listener.missed(space),
        failed: error => listener.failed(error),
      }),
    ...(log.pass && { pass: (topic: string, message: Packed) => log.pass?.(tagged(topic), message) }),
    follow: (topic: string) => log.follow?.(tagged(topic)),
    unfollow: (topic: string) => log.unfollow?.(tagged(topic)),
    followed: (topics: readonly string[]) => log.followed?.(topics.map(tagged)),
    drop: (topic: string) => log.drop(tagged(topic)),
    ...(registry && { registry }),
  }
}

/** What says how much is kept, for the names that such a log is given. */
export function taggedOptions({ retain, expire }: LogOptions = {}): LogOptions {
  return {
    ...(retain !== undefined && { retain: patterns(retain) }),
    ...(expire !== undefined && { expire: patterns(expire) }),
  }
}

/** Whether names matter for it. */
export function hasPatterns({ retain, expire }: LogOptions = {}): boolean {
  return [retain, expire].some(given => typeof given === 'object')
}

function patterns(given: PerTopic): PerTopic {
  if (typeof given === 'number') return given
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => [name === '*' ? name : tagged(name), value]),
  )
}

const ofSession = 'rt.to.'

function tagged(topic: string): string {
  return topic.startsWith(ofSession) ? `${ofSession}${tag}${topic.slice(ofSession.length)}` : `${tag}${topic}`
}

function untagged(topic: string): string {
  return topic.replace(tag, '')
}

function untaggedText(text: string): string {
  return text.replace(`topic: ${tag}`, 'topic: ')
}

function plain(entry: Entry): Entry {
  return { ...entry, topic: untagged(entry.topic), text: untaggedText(entry.text) }
}

function plainAll<Found extends { readonly entries: readonly Entry[] }>(found: Found): Found {
  return { ...found, entries: found.entries.map(plain) }
}

function later<From, To>(value: From | Promise<From>, read: (value: From) => To): To | Promise<To> {
  return value instanceof Promise ? value.then(read) : read(value)
}
