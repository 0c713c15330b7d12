/**
 * What ends a line for good is the list of docs/ends.md: each status, close code and failure is given to every request of a line, over each
 * transport and dialect, in virtual time. Everything that is not on the list leaves the line coming back.
 */
import { describe, expect, test } from 'vitest'
import { isSpokenOver, type Transport } from '../src/contracts/transport.ts'
import { nchan } from '../src/dialects/nchan.ts'
import { plainWith } from '../src/dialects/plain.ts'
import { sockjs } from '../src/dialects/sockjs.ts'
import { open } from '../src/setup/choose.ts'
import { type Answer, type Asked, createAnswering } from './support/answering.ts'
import { type Speech, speeches, transports } from './support/speech.ts'
import { createWorld, type World } from './support/world.ts'

type Answers = (speech: Speech, asked: Asked) => Answer

const words = [204, 401, 403]
const statuses = [
  ...[0, 201, 202, 205, 206, 300, 301, 302, 303, 304, 307, 308],
  ...[
    400, 402, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 418, 421, 422, 423, 425, 426, 428,
    431, 451, 499,
  ],
  ...[500, 501, 502, 504, 505, 507, 508, 511, 520, 521, 522, 524, 530],
]
const codes = [
  ...Array.from({ length: 16 }, (_, nth) => 1_000 + nth),
  ...[3_000, 3_001, 3_999, 4_000, 4_001, 4_008, 4_100, 4_400, 4_401, 4_403, 4_404, 4_429, 4_500, 4_999],
]
const html: Answer = { headers: { 'Content-Type': 'text/html' }, body: '<!doctype html>' }

const failures: Record<string, Answers> = {
  'a login page': () => html,
  'an answer of no type': () => ({ headers: { 'Content-Type': '' }, body: 'hello' }),
  'an empty answer': () => ({}),
  'an answer that never ends': () => ({ after: 'held' }),
  'an answer that is cut before it says anything': () => ({ after: 'cut' }),
  'an answer that greets and is cut': (speech, asked) => ({ ...speech.hello(asked), after: 'cut' }),
  'an answer that greets and ends': (speech, asked) => speech.hello(asked),
  'an answer that no dialect has': () => ({ body: '\x00\xff{"' }),
  '429 with Retry-After': () => ({ status: 429, headers: { 'Retry-After': '3' } }),
  '503 with Retry-After': () => ({ status: 503, headers: { 'Retry-After': '3' } }),
}

/** Whether the line is closed for good, a minute after it began. */
async function ends(
  { dialect, ...rest }: Speech,
  over: readonly Transport[],
  answers: Answers,
  token?: () => string,
) {
  let world: World
  const answering = createAnswering(
    () => world,
    about => answers({ dialect, ...rest }, about),
  )
  world = createWorld(answering.parts)
  const { environment } = world
  const line = open({ transports: over, dialects: [dialect] }, '/live', {
    jsonp: 'cross-origin',
    environment,
    ...(token && { token }),
  })
  const told: (number | undefined)[] = []
  line.onerror = ({ retryIn }) => told.push(retryIn)
  await world.pass(60_000)
  const closed = line.readyState === 2
  // A line that ends says so; one that comes back says when.
  expect(told.at(-1) === undefined && told.length > 0).toBe(closed)
  line.close()
  return closed
}

describe.each(Object.entries(speeches))('a line that speaks %s', (name, speech) => {
  const possible = transports.filter(transport => isSpokenOver(speech.dialect, transport))
  const toTheLetter = name === 'plain to the letter'
  /** Over which of its transports, and over all of them, it ends. */
  async function endsOver(answers: Answers): Promise<string[]> {
    const found: string[] = []
    for (const transport of possible) if (await ends(speech, [transport], answers)) found.push(transport.name)
    if (await ends(speech, possible, answers)) found.push('all')
    return found
  }
  const every = [...possible.map(({ name }) => name), 'all']
  const byHttp = every.filter(name => name !== 'websocket')
  // To the letter a line that may use WebSocket goes on as long as nobody said why that fails.
  const letter = byHttp.filter(name => name !== 'all')
  /** What EventSource takes for the end, as far as a transport does: with 304 a poll says that nothing is new. */
  const byStatus = (status: number) => letter.filter(name => status !== 304 || name !== 'polling')

  test.each(words)('ends by status %i, whatever the transport', async status => {
    // What a server without our wire answers to a GET says nothing about its WebSocket.
    const wanted = speech.dialect.protocol.sendsHello ? every : byHttp
    expect(await endsOver(() => ({ status }))).toEqual(wanted)
  })

  test.each(statuses)(
    `${toTheLetter ? 'ends' : 'does not end'} by status %i`,
    { timeout: 60_000 },
    async status => {
      // A stream that is gone from its beginning does not come back.
      const isGone = name === 'durable streams' && status === 410
      const wanted = isGone ? every.filter(name => name !== 'eventsource') : []
      expect(await endsOver(() => ({ status }))).toEqual(
        toTheLetter && status > 0 ? byStatus(status) : wanted,
      )
    },
  )

  test.each(Object.entries(failures))('does not end by %s', { timeout: 60_000 }, async (what, answers) => {
    const isOther = toTheLetter && (what === 'a login page' || what === 'an answer of no type')
    // A poll may be any text.
    const other = what === 'a login page' ? letter : letter.filter(name => name !== 'polling')
    const parts =
      toTheLetter && !what.includes('Retry-After') && !what.includes('greets') ? ['multipart'] : []
    expect(await endsOver(answers)).toEqual(isOther ? other : parts)
  })

  test.runIf(every.includes('websocket'))(
    'does not end by any code that a WebSocket is closed with',
    async () => {
      const sockets = possible.filter(({ name }) => name === 'websocket')
      const found: number[] = []
      for (const code of codes)
        for (const answers of [
          () => ({ code }),
          (_: Speech, asked: Asked) => ({ ...speech.hello(asked), code }),
        ])
          if (await ends(speech, sockets, answers)) found.push(code)
      expect(found).toEqual([])
    },
  )
})

describe('401', () => {
  const refuse = (from: number, to: number): Answers => {
    return (speech, asked) =>
      asked.turn >= from && asked.turn < to ? { status: 401 } : { ...speech.hello(asked), after: 'held' }
  }

  test.each(['xhr-streaming', 'long-polling'])(
    'is answered by a fresh token over %s, and a second one is the end',
    async name => {
      const over = transports.filter(transport => transport.name === name)
      for (const speech of [speeches.native, speeches.plain, speeches.nchan] as Speech[]) {
        let asked = 0
        const token = () => `t${asked++}`
        expect(await ends(speech, over, refuse(0, 1), token)).toBe(false)
        expect(asked).toBe(2)
        expect(await ends(speech, over, refuse(0, 2), token)).toBe(true)
      }
    },
  )
})

describe("a dialect's own last word", () => {
  const socket = transports.filter(({ name }) => name === 'websocket')
  const says = (dialect: Speech['dialect'], body: string[], code = 1_000) =>
    ends({ ...(speeches.plain as Speech), dialect }, socket, () => ({ body, code }))

  test.each([
    [1_000, true],
    [1_008, true],
    [3_000, false],
    [3_001, true],
    [2_010, false],
  ])('is a close frame of SockJS with %i: %s', async (code, is) => {
    expect(await says(sockjs(), ['o', `c[${code},"why"]`])).toBe(is)
    expect(await says(sockjs({ ends: () => !is }), ['o', `c[${code},"why"]`])).toBe(!is)
  })

  test('is that Socket.IO disconnects or refuses a page', async () => {
    const { dialect } = speeches.socketio as Speech
    const open = '0{"sid":"s","pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}'
    expect(await says(dialect, [open, '40{"sid":"x"}', '41'])).toBe(true)
    expect(await says(dialect, [open, '44{"message":"no"}'])).toBe(true)
  })

  test('is a code that the page names to the plain dialect', async () => {
    const dialect = plainWith({ ends: code => code === 4_401 })
    expect(await says(dialect, [], 4_401)).toBe(true)
    expect(await says(dialect, [], 4_403)).toBe(false)
  })

  test('is 410 of Nchan where the page says so', async () => {
    const over = transports.filter(({ name }) => name === 'long-polling')
    const gone: Answers = () => ({ status: 410 })
    expect(
      await ends({ ...(speeches.nchan as Speech), dialect: nchan({ endsWhenGone: true }) }, over, gone),
    ).toBe(true)
    expect(await ends(speeches.nchan as Speech, over, gone)).toBe(false)
  })
})
