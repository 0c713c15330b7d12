import type { Registry } from '../log/log.ts'
import { randomName } from '../random.ts'
import type { Nodes } from './nodes.ts'

/** What hubs that share a log have in common, beside it. What cannot be told or asked there just now is as if there were no other hub. */
export interface Common {
  /** A key that all of them have, for one use. */
  secret(use: string): Buffer
  /** Whether no hub was asked this of the name before, within so many ms. */
  isFirst(name: string, lasts: number): Promise<boolean>
  /** Leaves the others a query that a client has told this hub. */
  tellQuery(name: string, query: string): Promise<void>
  /** A query that one of them was told. */
  queryOf(name: string): Promise<string | undefined>
}

/** For how long a query is known there, unless it is told again. In ms. */
const lasting = 3_600_000

/** `most`: so many characters of queries this hub leaves there in `lasting` ms. */
export function createCommon(registry: Registry, { sign }: Pick<Nodes, 'sign'>, most: number): Common {
  let left = most
  let since = 0

  return { secret, isFirst, tellQuery, queryOf }

  function secret(use: string): Buffer {
    return Buffer.from(sign(`key ${use}`), 'base64url')
  }

  async function isFirst(name: string, lasts: number): Promise<boolean> {
    const text = randomName()
    try {
      return (await registry.compareAndSet(`first:${name}`, undefined, text, lasts)) === text
    } catch {
      return true
    }
  }

  async function tellQuery(name: string, query: string): Promise<void> {
    if (performance.now() - since > lasting) {
      since = performance.now()
      left = most
    }
    if (query.length > left) return
    left -= query.length
    const key = `query:${name}`
    try {
      // One that is there already lasts anew.
      if ((await registry.compareAndSet(key, query, query, lasting)) !== query)
        await registry.compareAndSet(key, undefined, query, lasting)
    } catch {}
  }

  async function queryOf(name: string): Promise<string | undefined> {
    try {
      return await registry.get(`query:${name}`)
    } catch {
      return undefined
    }
  }
}
