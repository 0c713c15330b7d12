/** WHATWG HTML 9.2.2 and 9.2.3: what is asked of the server, and which answers are taken. */
import type { Engine } from '../fixtures/engines.ts'
import { expect, test } from '../fixtures/test.ts'
import { type Case, expectCases, type PipeName, sources } from './cases.ts'
import { type Answer, type Place, startStand } from './stand.ts'

const message: Answer = { body: 'data: a\n\n' }
const taken = ['open', 'message a']
const refused = ['error 2']
const cached = [...taken, 'error 0', ...taken]

for (const channel of sources) {
  test(`${channel} asks as an EventSource does`, async ({ openPage, browserName }) => {
    await using stand = await startStand()
    const run = { stand, channel, page: await openPage(), engine: browserName as Engine }
    await expectCases([...requests, ...redirects(), ...reconnects], run)
  })

  test(`${channel} takes an event stream and nothing else`, async ({ openPage, browserName }) => {
    await using stand = await startStand()
    const places: Place[] = []
    const watched = [...statuses, ...types].map(each => ({
      ...each,
      asked: (place: Place) => void places.push(place),
    }))
    const page = await openPage()
    await expectCases(watched, { stand, channel, page, engine: browserName as Engine })
    // What is refused is refused for good: nothing is asked any more, long after `retry` has passed.
    const before = places.map(({ asked }) => asked.length)
    await page.evaluate(() => new Promise(resolve => setTimeout(resolve, 500)))
    expect(places.map(({ asked }) => asked.length)).toEqual(before)
  })

  test(`${channel} reads from other origins what they share`, async ({ openPage, browserName }) => {
    await using stand = await startStand()
    const run = { stand, channel, page: await openPage(), engine: browserName as Engine }
    await expectCases([...sharing, ...cookies, ...preflights], run)
  })
}

const requests: Case[] = [
  {
    name: 'asks for an event stream, uncached, by GET, without an id and without a body',
    script: [message],
    hears: taken,
    asked({ asked: [first] }) {
      expect.soft(first).toMatchObject({ method: 'GET', body: '' })
      expect.soft(first?.headers).toMatchObject({ accept: 'text/event-stream', 'cache-control': 'no-cache' })
      expect.soft(first?.headers).not.toHaveProperty('last-event-id')
    },
  },
  {
    name: 'is not answered from the cache',
    script: [
      { headers: { 'Cache-Control': 'max-age=1000' }, body: 'retry: 1\ndata: a\n\n' },
      { headers: { 'Cache-Control': 'max-age=1000' }, body: 'retry: 1\ndata: b\n\n' },
      { body: 'data: c\n\n' },
    ],
    hears: [...taken, 'error 0', 'open', 'message b', 'error 0', 'open', 'message c'],
    // WebKit heeds no Cache-Control that an XMLHttpRequest sends.
    but: { 'webkit long-polling': cached },
  },
  {
    name: 'sends the cookies of its own origin',
    script: [{ headers: { 'Set-Cookie': 'own=1' }, body: 'retry: 1\ndata: a\n\n' }, { body: 'data: b\n\n' }],
    hears: [...taken, 'error 0', 'open', 'message b'],
    asked: ({ asked }) => expect.soft(asked[1]?.headers.cookie).toContain('own=1'),
  },
]

function redirects(): Case[] {
  return [301, 302, 303, 307, 308].map(status => ({
    name: `follows a ${status}`,
    script: (_, turn) =>
      turn === 0
        ? { status, type: null, headers: { Location: '?there', 'Cache-Control': 'no-store' } }
        : message,
    hears: taken,
    asked: ({ asked }) => expect.soft(asked[1]).toMatchObject({ method: 'GET' }),
  }))
}

const forgotten = [...taken, 'error 0', 'open', 'message b']

const reconnects: Case[] = [
  {
    name: 'says the last id when it comes again',
    script: [{ body: 'id: 1\nretry: 1\ndata: a\n\nid: 2\ndata: b\n\n' }, { body: 'data: c\n\n' }],
    hears: ['open', 'message a #1', 'message b #2', 'error 0', 'open', 'message c #2'],
    asked: ({ asked }) => expect.soft(asked[1]?.headers['last-event-id']).toBe('2'),
  },
  {
    name: 'says an id of any characters as UTF-8',
    script: [{ body: 'id: …한é\nretry: 1\ndata: a\n\n' }, { body: 'data: b\n\n' }],
    hears: ['open', 'message a #…한é', 'error 0', 'open', 'message b #…한é'],
    asked({ asked }, channel, engine) {
      const id = Buffer.from(asked[1]?.headers['last-event-id'] as string, 'latin1').toString()
      // WebKit on Linux encodes once more what an XMLHttpRequest has already encoded.
      const twice = engine === 'webkit' && channel !== 'eventsource'
      expect.soft(twice ? Buffer.from(id, 'latin1').toString() : id).toBe('…한é')
    },
  },
  {
    name: 'says no id after an empty one',
    script: [{ body: 'id: 1\nretry: 1\ndata: a\n\nid:\ndata: b\n\n' }, { body: 'data: c\n\n' }],
    hears: ['open', 'message a #1', 'message b', 'error 0', 'open', 'message c'],
    asked: ({ asked }) => expect.soft(asked[1]?.headers).not.toHaveProperty('last-event-id'),
  },
  {
    name: 'takes the id of an event without data for the next request',
    script: [{ body: 'retry: 1\ndata: a\n\nid: 7\n\n' }, { body: 'data: b\n\n' }],
    hears: ['open', 'message a', 'error 0', 'open', 'message b #7'],
    but: { 'firefox eventsource': forgotten, 'webkit eventsource': forgotten },
  },
  {
    name: 'reconnects to where it was first sent to, not to where it was redirected',
    script: (_, turn) => {
      if (turn % 2 === 0) return { status: 302, type: null, headers: { Location: `?turn=${turn}` } }
      return turn === 1 ? { body: 'retry: 1\ndata: a\n\n' } : { body: 'data: b\n\n' }
    },
    hears: [...taken, 'error 0', 'open', 'message b'],
    asked: ({ asked }) => expect.soft(asked).toHaveLength(4),
  },
  {
    name: 'comes again when a stream is cut, with nothing of a half event',
    script: [
      { body: 'retry: 1\nid: 1\ndata: a\n\nid: 2\ndata: half\n', after: 'cut' },
      { body: 'data: b\n\n' },
    ],
    hears: ['open', 'message a #1', 'error 0', 'open', 'message b #1'],
    // WebKit's own EventSource keeps the half event and joins the next one to it.
    but: { 'webkit eventsource': ['open', 'message a #1', 'error 0', 'open', 'message half\nb #2'] },
    asked: ({ asked }) => expect.soft(asked.at(-1)?.headers['last-event-id']).toBe('1'),
  },
  {
    name: 'ends when it is told so by 204 after having been open',
    script: [{ body: 'retry: 1\ndata: a\n\n' }, { body: 'data: b\n\n' }, { status: 204, type: null }],
    hears: [...taken, 'error 0', 'open', 'message b', 'error 0', 'error 2'],
  },
]

const statuses: Case[] = [204, 205, 210, 299, 400, 404, 410, 500, 503].map(status => ({
  name: `ends at a ${status}`,
  script: [{ status, body: status < 206 ? '' : 'retry: 1\ndata: a\n\n' }],
  hears: refused,
}))

const fits = [
  'text/event-stream',
  'text/event-stream;',
  'TEXT/Event-Stream',
  'text/event-stream;charset=utf-8',
  'text/event-stream; charset="UTF-8"',
  'text/event-stream ; charset=UTF-8; x=y',
]
const unfit = [
  null,
  '',
  'text/plain',
  'text/html',
  'text/x-bogus',
  'x bogus',
  'text/event-streams',
  'text/event-stream-x',
  'application/x-dom-event-stream',
  'application/text/event-stream',
  'text/plain; charset=utf-8, text/event-stream-x',
]
const types: Case[] = [
  ...fits.map(type => ({ name: `takes ${type}`, script: [{ ...message, type }], hears: taken })),
  ...unfit.map(type => ({ name: `ends at ${type}`, script: [{ ...message, type }], hears: refused })),
]

/** What the browser's own EventSource asks of another origin. */
const isNative = (channel: PipeName) => channel === 'eventsource' || channel === 'drop-in'

const sharing: Case[] = [
  { name: 'reads what any origin may read', script: [message], away: 'any', hears: taken },
  { name: 'does not read what is not shared', script: [message], away: 'none', hears: refused },
  {
    name: 'does not read what another may',
    script: [message],
    away: { only: 'http://example.org' },
    hears: refused,
  },
  { name: 'does not read what nobody may', script: [message], away: { only: '' }, hears: refused },
  {
    name: 'does not read with cookies what is shared without',
    script: [message],
    away: 'any',
    options: { withCredentials: true },
    hears: refused,
  },
  {
    name: 'follows a redirect there',
    script: (_, turn) =>
      turn === 0 ? { status: 302, type: null, headers: { Location: '?there' } } : message,
    away: 'any',
    hears: taken,
  },
  {
    name: 'reconnects there',
    script: [{ body: 'retry: 1\nid: 1\ndata: a\n\n' }, { body: 'data: b\n\n' }],
    away: 'any',
    hears: ['open', 'message a #1', 'error 0', 'open', 'message b #1'],
    // A server that lets no header through can only be told by the browser itself.
    asked: ({ asked }, channel) =>
      expect.soft(asked.at(-1)?.headers['last-event-id']).toBe(isNative(channel) ? '1' : undefined),
  },
]

const cookies: Case[] = [true, false, undefined].map(withCredentials => ({
  name: `sends cookies there only when asked to (${withCredentials})`,
  script: ({ headers }, turn) =>
    turn === 0
      ? { headers: { 'Set-Cookie': `away${withCredentials}=1` }, body: 'retry: 1\ndata: first\n\n' }
      : { body: `data: ${headers.cookie?.includes(`away${withCredentials}=1`) ? 'cookie' : 'none'}\n\n` },
  away: 'credentials',
  options: withCredentials === undefined ? {} : { withCredentials },
  hears: ['open', 'message first', 'error 0', 'open', `message ${withCredentials ? 'cookie' : 'none'}`],
}))

// By the standard only the two odd ones need a preflight. No browser's EventSource makes any; all make one for XMLHttpRequest.
const preflights: Case[] = ['abc', 'x'.repeat(200), 'a<b'].map(id => ({
  name: `says the id "${id.slice(0, 10)}" there`,
  script: [{ body: `retry: 1\nid: ${id}\ndata: a\n\n` }, { body: 'data: b\n\n' }],
  away: 'headers',
  hears: ['open', `message a #${id}`, 'error 0', 'open', `message b #${id}`],
  asked({ preflights, asked }, channel) {
    const wanted = preflights.map(({ headers }) => headers['access-control-request-headers'])
    expect.soft(wanted).toEqual(isNative(channel) ? [] : ['last-event-id'])
    expect.soft(asked.at(-1)?.headers['last-event-id']).toBe(id)
  },
}))
