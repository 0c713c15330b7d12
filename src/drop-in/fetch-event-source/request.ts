import { withoutQuery } from '../../contracts/failure.ts'
import type { AnyURL } from '../../here.ts'
import type { Resumption } from '../../stream/resumption.ts'
import { utf8 } from '../../transports/http/xhr-request.ts'

/** What the page gives of its request. */
interface Given {
  readonly init: RequestInit
  readonly headers: Record<string, string> | undefined
  readonly resume: string | AnyURL | ((id: string) => Resumption | Promise<Resumption>) | undefined
}

/** What `fetch` is given. */
export type Asked = readonly [RequestInfo, RequestInit]

/** What is asked, at first, again, and when it goes on. */
export interface Plan {
  /** The address without what may be secret in it. */
  readonly where: string
  readonly method: string
  /** A GET or HEAD. */
  readonly safe: boolean
  readonly resumes: boolean
  /** The page's own request; with what id, if the server gave one: `''` took it back. */
  again(id: string | undefined): Asked
  /** The GET that goes on behind this id. */
  onward(id: string): Promise<Asked>
}

/** Reads what the page asks for. Headers stay an object, which a `fetch` of the page's own may expect. */
export function planOf(input: RequestInfo, { init, headers: given, resume }: Given): Plan {
  const request = typeof input === 'object' && 'clone' in input ? input : undefined
  const method = (init.method ?? request?.method ?? 'GET').toUpperCase()
  const asked = given ?? Object.fromEntries(request?.headers ?? [])
  const headers = {
    ...without(asked, /^accept$/i),
    accept: headerOf(asked, /^accept$/i) ?? 'text/event-stream',
  }
  const atId = /^last-event-id$/i
  return {
    where: withoutQuery(request?.url ?? `${input}`),
    method,
    safe: method === 'GET' || method === 'HEAD',
    resumes: resume !== undefined,
    again: id => [
      // A request can be sent once, and its copy once more.
      request?.clone() ?? input,
      {
        ...init,
        headers:
          id === undefined
            ? headers
            : { ...without(headers, atId), ...(id && { 'last-event-id': utf8(id) }) },
      },
    ],
    async onward(id) {
      const there = (typeof resume === 'function' ? await resume(id) : resume) as Resumption
      const { url, headers: own } = typeof there === 'object' && 'url' in there ? there : { url: `${there}` }
      const { body: _, ...others } = init
      const left = without(headers, /^content-|^last-event-id$/i)
      const more = Object.fromEntries(new Headers(own as HeadersInit))
      return [url, { ...others, method: 'GET', headers: { ...left, 'last-event-id': utf8(id), ...more } }]
    },
  }
}

function without(headers: Record<string, string>, names: RegExp): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.test(name)))
}

function headerOf(headers: Record<string, string>, name: RegExp): string | undefined {
  return Object.entries(headers).find(([given]) => name.test(given))?.[1]
}
