import type { CreateLongQuery } from '../contracts/dialect.ts'
import type { Failure } from '../contracts/failure.ts'
import { setQuery } from '../wire/address.ts'
import { exchange } from './exchange.ts'

/** Servers and proxies commonly take 8 KiB of an address, and ours puts some of its own into it. */
const most = 4_000

/** A query that is too long for an address is told by a POST, and has a name from then on (docs/PROTOCOL.md, "A long query"). */
export const createLongQuery: CreateLongQuery = (whole, fetch, request, withCredentials) => {
  let known: { search: string; name: string } | undefined

  return {
    address() {
      const url = whole()
      if (!known || url.search !== known.search) return url
      url.search = ''
      setQuery(url, 'rt.q', known.name)
      return url
    },
    named() {
      known = undefined
      try {
        const url = whole()
        return url.search.length > most ? tell(url) : undefined
      } catch {
        // What the page's function throws is told by the request that asks for it next.
        return undefined
      }
    },
  }

  async function tell(url: URL): Promise<Failure | undefined> {
    const { search } = url
    url.search = ''
    const name = await exchange(
      fetch,
      request(url),
      withCredentials,
      'rt.query',
      search.slice(1),
      'a long query',
    )
    if (typeof name === 'string') {
      known = { search, name }
      return undefined
    }
    const { status = 500 } = name
    // A server that does not know of this gets the whole address.
    return status < 500 && status !== 401 && status !== 403 && status !== 429 ? undefined : name
  }
}
