import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Dialect } from '../../src/contracts/dialect.ts'
import { mercure } from '../../src/dialects/mercure.ts'
import { native } from '../../src/dialects/native.ts'
import { nchan } from '../../src/dialects/nchan.ts'
import { plain } from '../../src/dialects/plain.ts'
import { socketio } from '../../src/dialects/socketio.ts'
import { sockjs } from '../../src/dialects/sockjs.ts'
import { addQuery, digest, setQuery } from '../../src/wire/address.ts'
import { transportsOf } from '../support/dialects.ts'
import { fake } from '../support/fakes.ts'
import { openLine } from '../support/line.ts'

const written = [
  'a=%20+b',
  'a=~',
  'user:7',
  'flag',
  'flag&&=',
  'latin=%E9',
  "sig='%2b%2B'",
  'a[]=1&a[]=2',
  'q=%ea%b0%80&a=/?:@,;!$()*',
  '&a',
  'a=1&',
]

const dialects: Dialect[] = [native, plain, socketio(), sockjs(), nchan(), mercure()]
const ways = dialects.flatMap(dialect => written.map(query => [dialect.name, query, dialect] as const))

test.each(ways)(
  'with %s the query %s of the page’s address stays byte for byte',
  async (_, query, dialect) => {
    for (const { name } of transportsOf(dialect)) {
      const transport = fake(name)
      const url = `https://host.test/p%20a:t~h?${query}`
      const asked = {
        transports: [transport],
        dialect,
        lastEventId: 'urn:x',
        token: () => 's',
        tokenIn: 'address' as const,
      }
      const { line } = await openLine({ ...asked, url, params: { more: 1 } })
      const given = new URL(url).search.slice(1)
      const { asked: request, target } = transport.channel
      for (const [via, at] of [
        [name, request.url],
        ['post', target.buildRequest('post').url],
      ] as const) {
        expect(at).toContain('/p%20a:t~h')
        // A hub is published to at its bare address.
        if (dialect.name !== 'mercure' || via !== 'post') expect(at).toContain(`?${given}&more=1`)
      }
      line.close()
    }
  },
)

/** Lone surrogates as U+FFFD. */
function formed(text: string): string {
  return Buffer.from(text).toString()
}

test('what is added is read back, whatever it is', () => {
  const text = fc.string({ unit: 'binary' })
  fc.assert(
    fc.property(text, text, text, (name, value, other) => {
      const url = new URL(`https://host.test/?flag&x=%E9`)
      addQuery(url, `n${name}`, value)
      addQuery(url, 'other', other)
      expect(url.search.startsWith('?flag&x=%E9&')).toBe(true)
      expect([...url.searchParams].slice(2)).toEqual([
        [`n${formed(name)}`, formed(value)],
        ['other', formed(other)],
      ])
    }),
  )
})

test('what can stand in a query as it is does', () => {
  const url = new URL('https://host.test/')
  addQuery(url, 'channel', 'user:7~a/b?c@d,e!$()*-_.')
  expect(url.search).toBe('?channel=user:7~a/b?c@d,e!$()*-_.')
  addQuery(url, 'x', "%&+;=#' \ud800")
  expect(url.search.slice(url.search.lastIndexOf('&'))).toBe('&x=%25%26%2B%3B%3D%23%27%20%EF%BF%BD')
})

test('what is set takes the place of all that have its name, and of nothing else', () => {
  const url = new URL('https://host.test/?rt.id=1&a=~&rt%2Eid=2&rt.idx=3&rt.id')
  setQuery(url, 'rt.id', 'e.1')
  expect(url.search).toBe('?a=~&rt.idx=3&rt.id=e.1')
})

test('a digest is the same for the same text, and shows nothing of it', () => {
  const all = Array.from({ length: 10_000 }, (_, index) => digest(`https://host.test/?token=${index}`))
  expect(new Set(all).size).toBe(10_000)
  expect(digest('a')).toBe(digest('a'))
  expect(all.every(each => /^[0-9a-z]{8,14}$/.test(each))).toBe(true)
})
