/**
 * No answer of a server, a box or a cache makes a line ask without a pause. Each kind of answer is given to every request of a line, over each
 * transport and dialect, in virtual time; the numbers are the most requests that a minute may hold.
 */
import { describe, expect, test } from 'vitest'
import { isSpokenOver, type Transport } from '../src/contracts/transport.ts'
import { open } from '../src/setup/choose.ts'
import { type Answer, type Asked, createAnswering } from './support/answering.ts'
import { type Speech, speeches, transports } from './support/speech.ts'
import { createWorld, type World } from './support/world.ts'

interface Row {
  /** The most requests in a minute: a line over one transport, and one over all of them. */
  most: readonly [one: number, all: number]
  /** Only over WebSocket, or only with our own wire. */
  only?: 'websocket' | 'native'
  answer(speech: Speech, asked: Asked): Answer
}

/** An end that was no success: the wait grows, and a minute has some tries, each by every transport and perhaps a plain request. */
const failing: Row['most'] = [30, 110]
/** The server says when, or had something to say: a little more than one a second. */
const paced: Row['most'] = [90, 100]
/** Nobody can tell that it is nothing new: a server without ids, asked over a transport that each answer ends. */
const alike: Row['most'] = [175, 175]
/**
 * Something new with each answer: that is no storm, and yet has a bound. It is wide where the server keeps account of what was heard: there the next
 * poll fetches the next message.
 */
const busy: Row['most'] = [640, 640]

const statuses = [201, 204, 206, 301, 307, 400, 401, 403, 404, 409, 410, 413, 429, 500, 502, 503, 504]
const later = ['0', '1', '1e9', 'soon', '99999999999', 'Thu, 01 Jan 1970 00:00:00 GMT', '1, 1']
const codes = [1_000, 1_006, 1_008, 1_011, 1_012, 1_013, 4_401]
const proof = 'event: rt.pong\ndata: {}\n\nevent: rt.tick\ndata: {}\n\n'
const html: Answer = { headers: { 'Content-Type': 'text/html' }, body: '<!doctype html>' }

const rows: Record<string, Row> = {
  'a connection that is refused': { most: failing, answer: () => ({ status: 0 }) },
  'a login page': {
    most: failing,
    answer: (_, { via }) => (via === 'websocket' ? { status: 0 } : html),
  },
  'an empty answer': { most: paced, answer: () => ({}) },
  'an empty answer of no type': { most: paced, answer: () => ({ headers: { 'Content-Type': '' } }) },
  ...each(statuses, status => [`status ${status}`, { most: failing, answer: () => ({ status }) }]),
  // A poll of Nchan that is over.
  ...each([304, 408], status => [`status ${status}`, { most: paced, answer: () => ({ status }) }]),
  ...each(later, value => [
    `503 with Retry-After ${value}`,
    { most: [100, 400], answer: () => ({ status: 503, headers: { 'Retry-After': value } }) },
  ]),
  'an answer that begins and is cut': { most: failing, answer: (speech, asked) => cut(speech.hello(asked)) },
  'a greeting and a clean end': { most: paced, answer: (speech, asked) => speech.hello(asked) },
  'the same message each time, as from a cache': {
    most: alike,
    answer: (speech, asked) => speech.message(asked, 1),
  },
  'the same message each time, then a cut': {
    most: alike,
    answer: (speech, asked) => cut(speech.message(asked, 1)),
  },
  'a new message each time and a clean end': {
    most: busy,
    answer: (speech, asked) => speech.message(asked, asked.turn),
  },
  'a new message each time, then a cut': {
    most: busy,
    answer: (speech, asked) => cut(speech.message(asked, asked.turn)),
  },
  'retry: 0 and a clean end': {
    most: [270, 270],
    answer: (speech, asked) => said(speech.hello(asked), 'retry: 0\n\n'),
  },
  'retry: 0 and something new each time': {
    most: busy,
    answer: (speech, asked) => said(speech.message(asked, asked.turn), 'retry: 0\n\n'),
  },
  'a goodbye that asks for an immediate return': {
    most: failing,
    only: 'native',
    answer: (speech, asked) => said(speech.hello(asked), 'retry: 0\nevent: rt.bye\ndata: {}\n\n'),
  },
  ...each([401, 429, 503], status => [
    `a session that the server ends with ${status} as soon as it began`,
    {
      most: failing,
      only: 'native',
      answer: (speech, asked) =>
        said(speech.hello(asked), `event: rt.fail\ndata: {"status":${status},"ended":true,"acked":9}\n\n`),
    },
  ]),
  'its proof and a clean end': {
    most: failing,
    only: 'native',
    answer: (speech, asked) => said(speech.hello(asked), proof),
  },
  'its proof, a message that was heard before and a clean end': {
    most: paced,
    only: 'native',
    answer: (speech, asked) => said(speech.message(asked, 1), proof),
  },
  ...each(
    [
      'event: rt.gap\ndata: {"reason":"trimmed","from":"","to":""}\n\n',
      'id: e.5.x\nevent: rt.gap\ndata: {"reason":"trimmed","from":"","to":"e.5.x"}\n\n',
      'event: rt.ack\ndata: 7\n\n',
      'event: rt.nack\ndata: {"number":7,"status":500}\n\n',
      'event: rt.pong\ndata: 0\n\n',
      'id: e.5.x\n\n',
    ],
    words => [
      `${JSON.stringify(words)}, said again and again,`,
      { most: paced, only: 'native', answer: (speech, asked) => said(speech.hello(asked), words) },
    ],
  ),
  'a thousand greetings and a clean end': {
    most: paced,
    only: 'native',
    answer: (speech, asked) =>
      said(speech.hello(asked), [speech.hello(asked).body].flat().join('').repeat(1_000)),
  },
  'a thousand questions and a clean end': {
    most: paced,
    only: 'native',
    answer: (speech, asked) => said(speech.hello(asked), 'event: rt.ping\ndata: 1\n\n'.repeat(1_000)),
  },
  ...each(codes, code => [
    `close code ${code} at once`,
    { most: failing, only: 'websocket', answer: () => ({ code }) },
  ]),
  ...each(codes, code => [
    `close code ${code} after a greeting`,
    { most: failing, only: 'websocket', answer: (speech, asked) => ({ ...speech.hello(asked), code }) },
  ]),
  ...each(codes, code => [
    `close code ${code} after a message`,
    {
      most: [90, busy[1]],
      only: 'websocket',
      answer: (speech, asked) => ({ ...speech.message(asked, asked.turn), code }),
    },
  ]),
}

const minute = 60_000
/** A poll each 10 ms, what Socket.IO sends up when it is greeted, and the first few. */
const talk = 12_100

describe.each(Object.entries(rows))('%s', (_, row) => {
  test.each(Object.keys(speeches))(
    'makes no storm of a line that speaks %s',
    { timeout: 60_000 },
    async name => {
      if (row.only === 'native' && name !== 'native') return
      const speech = speeches[name] as Speech
      const possible = transports.filter(transport => isSpokenOver(speech.dialect, transport))
      const alone = row.only === 'websocket' ? possible.filter(({ name }) => name === 'websocket') : possible
      const { protocol, policy } = speech.dialect
      const isTalk = row.most.includes(busy[1]) && (protocol.sendsHello || policy?.resumesCleanEnd)
      const [one, all] = isTalk ? [talk, talk] : row.most
      const found: Record<string, number> = {}
      for (const transport of alone) {
        const most = await busiest(speech, [transport], row)
        if (most > one) found[transport.name] = most
      }
      const together = await busiest(speech, possible, row)
      if (together > all) found.all = together
      expect(found).toEqual({})
    },
  )
})

/** The number of requests in the busier of the first two minutes. */
async function busiest(speech: Speech, over: readonly Transport[], { answer }: Row): Promise<number> {
  let world: World
  const { parts, asked } = createAnswering(
    () => world,
    about => answer(speech, about),
  )
  world = createWorld(parts)
  const { environment } = world
  const line = open({ transports: over, dialects: [speech.dialect] }, '/live', {
    environment,
    jsonp: 'cross-origin',
  })
  line.onerror = () => {}
  await world.pass(2 * minute)
  line.close()
  const begin = asked[0]?.at ?? 0
  const minutes = [0, 1].map(
    nth => asked.filter(({ at }) => Math.floor((at - begin) / minute) === nth).length,
  )
  return Math.max(...minutes)
}

function each<Key>(keys: readonly Key[], row: (key: Key) => [string, Row]): Record<string, Row> {
  return Object.fromEntries(keys.map(row))
}

function cut(answer: Answer): Answer {
  return { ...answer, after: 'cut' }
}

function said(answer: Answer, more: string): Answer {
  return { ...answer, body: [answer.body ?? []].flat().concat(more).join('') }
}
