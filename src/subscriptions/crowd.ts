import type { Failure } from '../contracts/failure.ts'
import type { People, Person } from '../contracts/presence.ts'

/** Who is in a topic after a block of `rt.presence`, and who came and left by it; or why nobody is told of. */
export interface Crowd {
  readonly people?: People
  readonly came?: readonly Person[]
  readonly left?: readonly Person[]
  readonly failure?: Failure
}

/**
 * What a block of `rt.presence` makes of those who were there: docs/PROTOCOL.md, "Presence". Who is there as the list comes first has not come by it.
 */
export function readCrowd(before: People | undefined, data: string): Crowd {
  const { count, people, join, leave, status, message } = fieldsOf(data)
  if (count === undefined)
    return { failure: { kind: 'status', code: 'no-presence', status, detail: message } }
  // A difference from a list that nobody here has: the list itself is on its way.
  if (!people && !before) return {}
  const now = new Map((people ? [] : (before ?? [])).map(person => [person.id, person]))
  for (const person of listOf(people ?? join)) if (person?.id) now.set(person.id, person)
  for (const id of listOf(leave)) now.delete(id as never)
  const after: People = Object.assign([...now.values()], { count })
  return { people: after, ...(before && { came: without(after, before), left: without(before, after) }) }
}

function without(people: People, others: People): readonly Person[] {
  const ids = new Set(others.map(({ id }) => id))
  return people.filter(({ id }) => !ids.has(id))
}

interface Told {
  count?: number
  people?: unknown
  join?: unknown
  leave?: unknown
  status?: number
  message?: string
}

/** What cannot be read says nothing of who is there. */
function fieldsOf(data: string): Told {
  try {
    return Object(JSON.parse(data))
  } catch {
    return { message: 'unreadable' }
  }
}

function listOf(value: unknown): readonly Person[] {
  return Array.isArray(value) ? value : []
}
