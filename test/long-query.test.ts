import { describe, expect, test } from 'vitest'
import type { Failure } from '../src/contracts/failure.ts'
import { createLongQuery } from '../src/dialects/long-query.ts'
import { createParser } from '../src/wire/parser.ts'
import { sentence } from '../src/words.ts'

const long = `?topic=${'a'.repeat(5_000)}`

/** A line to `search`, and a server that answers the POST so. */
function given(search: string | (() => string), answer: () => Response | Promise<Response> = named) {
  const asked: { url: string; body: string; method: string }[] = []
  const query = createLongQuery(
    () => new URL(`https://host.test/live${typeof search === 'string' ? search : search()}`),
    async (url, init) => {
      asked.push({ url, ...(init as { body: string; method: string }) })
      return answer()
    },
    bare => ({ url: `${bare.href}?rt.via=query`, headers: {} }),
    false,
  )
  return { query, asked }
}

const named = () => new Response('event: rt.query\ndata: short-name\n\n')

test('a query that an address can hold stays in it, and nobody is asked', () => {
  const { query, asked } = given('?topic=a')
  expect(query.named()).toBeUndefined()
  expect(query.address().href).toBe('https://host.test/live?topic=a')
  expect(asked).toEqual([])
})

test('a longer one is told as it is, and its name stands in its place', async () => {
  const { query, asked } = given(long)
  expect(await query.named()).toBeUndefined()
  expect(query.address().href).toBe('https://host.test/live?rt.q=short-name')
  expect(asked).toMatchObject([{ url: 'https://host.test/live?rt.via=query', method: 'POST' }])
  const [block] = createParser().feed(asked[0]?.body ?? '')
  expect(block).toMatchObject({ event: 'rt.query', data: long.slice(1) })
})

test('a name stands for the query that was told, and for no other', async () => {
  let search = long
  const { query } = given(() => search)
  await query.named()
  search = `${long}b`
  expect(query.address().search).toBe(search)
})

test('it is told anew before each connection', async () => {
  const { query, asked } = given(long)
  await query.named()
  await query.named()
  expect(asked).toHaveLength(2)
})

describe('a server that answers the POST with', () => {
  test.each([200, 400, 404, 405, 410, 413, 415])('%i and no name gets the whole address', async status => {
    const { query } = given(long, () => new Response('no', { status }))
    expect(await query.named()).toBeUndefined()
    expect(query.address().search).toBe(long)
  })

  test.each([401, 403, 429, 500, 502, 503])('%i ends the try', async status => {
    const headers = { 'Retry-After': '3' }
    const { query } = given(long, () => new Response('no', { status, headers }))
    expect(await query.named()).toMatchObject({ kind: 'status', status, retryAfter: 3_000 })
  })

  test('nothing ends the try, and no address is shown with its query', async () => {
    const { query } = given(long, () =>
      Promise.reject(new TypeError(`failed: https://host.test/live${long}`)),
    )
    const failure = await query.named()
    expect(failure?.kind).toBe('refused')
    expect([sentence(failure as Failure), String(failure?.cause)].join(' ')).not.toContain('aaa')
  })
})

test('parameters that the page’s function fails to give are told by the request that needs them', () => {
  const { query } = given(() => {
    throw new Error('not now')
  })
  expect(query.named()).toBeUndefined()
  expect(() => query.address()).toThrow('not now')
})
