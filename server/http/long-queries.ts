import { createHash } from 'node:crypto'
import { refusal } from '../http-error.ts'

/** Queries that are too long for an address, each under a name that follows from its text: every node gives the same one the same name. */
export interface LongQueries {
  /** Throws a refusal for what cannot be a query of the application's. */
  nameOf(query: string): string
  keep(name: string, query: string): void
  /** The query of that name, if it is known. */
  find(name: string): string | undefined
  /** Makes room for one that arrives; gives back what frees it. Throws a refusal when too many do. */
  arriving(bytes: number): () => void
}

/** `most`: so many characters are kept; of more, those go that were not asked for the longest. */
export function createLongQueries(most: number): LongQueries {
  const kept = new Map<string, string>() // the one that was asked for last comes last
  let size = 0
  let arrives = 0
  return { nameOf, keep, find, arriving }

  function nameOf(query: string): string {
    if (query.length > most) throw refusal(414, `a query may have ${most} characters`)
    if (/[^\x21-\x7e]/.test(query) || query.includes('#')) throw refusal(400, 'the query is not escaped')
    // Ours come with each request, and may not be told twice.
    for (const name of new URLSearchParams(query).keys())
      if (name.startsWith('rt.')) throw refusal(400, 'the query has parameters that begin with rt.')
    return createHash('sha256').update(query).digest('base64url').slice(0, 22)
  }

  function keep(name: string, query: string): void {
    if (find(name) !== undefined) return
    kept.set(name, query)
    size += query.length
    for (const [oldest, { length }] of kept) {
      if (size <= most) break
      kept.delete(oldest)
      size -= length
    }
  }

  function find(name: string): string | undefined {
    const query = kept.get(name)
    if (query === undefined) return undefined
    kept.delete(name)
    kept.set(name, query)
    return query
  }

  function arriving(bytes: number): () => void {
    if (arrives + bytes > most) throw refusal(503, 'too many queries arrive at once', 1, 'busy')
    arrives += bytes
    return () => {
      arrives -= bytes
    }
  }
}
