import { describe, expect, test } from 'vitest'
import type { Dialect } from '../../src/contracts/dialect.ts'
import { native } from '../../src/dialects/native.ts'
import { plain } from '../../src/dialects/plain.ts'
import { fetchStreaming, fetchStreamingWith } from '../../src/transports/fetch-streaming.ts'
import type { FetchOptions } from '../../src/transports/http/fetch-request.ts'
import { topicsContract } from '../contracts/topics.ts'
import { type Harness, transportContract } from '../contracts/transport.ts'
import { openChannel } from '../support/channel.ts'
import { vary } from '../support/dialects.ts'

const harness: Harness = {
  transport: fetchStreaming,
  parts: () => ({ fetch }),
  acceptsFirst: true,
  showsCuts: true,
  aborts: true,
  answersSends: true,
}

transportContract(harness)
topicsContract(harness)

interface Given {
  dialect?: Dialect
  options?: FetchOptions | (() => FetchOptions)
  answer?: () => Response
}

const stream = { headers: { 'Content-Type': 'text/event-stream' } }

async function begin({
  dialect = plain,
  options,
  answer = () => new Response('data: a\n\n', stream),
}: Given = {}) {
  const asked: (RequestInit & { url: string })[] = []
  const stage = openChannel(options ? fetchStreamingWith(options) : fetchStreaming, dialect, {
    fetch: async (url, init) => {
      asked.push({ url: `${url}`, ...init })
      return asked.length > 3 ? new Promise<never>(() => {}) : answer()
    },
  })
  await stage.world.pass(0)
  return { ...stage, asked }
}

describe('the request', () => {
  test('is a GET that no cache answers, with the headers of the line', async () => {
    const { asked, position } = await begin()
    expect(position.cursor).toBe('')
    expect(asked[0]).toMatchObject({ method: 'GET', cache: 'no-store', credentials: 'same-origin' })
    expect(asked[0]?.headers).toEqual({ Accept: 'text/event-stream' })
  })

  test('is made as the page says, afresh each time', async () => {
    let turn = 0
    const { asked } = await begin({
      dialect: vary(plain, { policy: { resumesCleanEnd: true } }),
      options: () => ({ method: 'POST', body: `${++turn}`, priority: 'high' }),
    })
    expect(asked.map(({ method, body, priority }) => [method, body, priority])).toEqual(
      ['1', '2', '3', '4'].map(body => ['POST', body, 'high']),
    )
  })

  test('has header values as UTF-8 bytes', async () => {
    const buildRequest = () => ({ url: 'https://host.test/', headers: { 'Last-Event-ID': '한' } })
    const dialect = vary(plain, { addressing: { buildRequest } })
    const { asked } = await begin({ dialect })
    expect(asked[0]?.headers).toEqual({ 'Last-Event-ID': '\xed\x95\x9c' })
  })
})

describe('the end of a response', () => {
  test('drops the block that is incomplete, but obeys its retry', async () => {
    const { heard } = await begin({
      answer: () => new Response('data: whole\n\nretry: 500\ndata: half', stream),
    })
    expect(heard).toEqual([
      'opened fetch-streaming',
      'blocks undefined=whole',
      'blocks undefined=undefined',
      'ended ended',
    ])
  })

  test('is an event stream under its name of 2006 too', async () => {
    const headers = { 'Content-Type': 'application/x-dom-event-stream' }
    const { heard } = await begin({ answer: () => new Response('data: a\n\n', { headers }) })
    expect(heard).toContain('blocks undefined=a')
  })

  test('that came from something else than an event stream is a failure', async () => {
    const { failures } = await begin({
      answer: () => new Response('<html>', { headers: { 'Content-Type': 'text/html' } }),
    })
    expect(failures[0]?.kind).toBe('content')
  })
})

describe('to another origin', () => {
  /** A server that refuses preflights, or is away, or is shared with nobody. */
  async function away({ position = '7', isThere = true, isShared = true, dialect = plain as Dialect } = {}) {
    const asked: [string | undefined, string[]][] = []
    const stage = openChannel(
      fetchStreaming,
      vary(dialect, {
        addressing: {
          buildRequest: () => ({
            url: 'https://away.test/',
            headers: position ? { 'Last-Event-ID': position } : {},
          }),
        },
      }),
      {
        fetch: async (_: unknown, { method, headers }: RequestInit = {}) => {
          asked.push([method, Object.keys(headers ?? {})])
          if (method === 'HEAD' && isThere) return new Response()
          if (method === 'HEAD' || !isShared || 'Last-Event-ID' in (headers ?? {}))
            throw new TypeError('Failed to fetch')
          return new Response('data: a\n\n', stream)
        },
      },
    )
    await stage.world.pass(0)
    await stage.world.pass(0)
    return { ...stage, asked }
  }

  test('a preflight that is refused for the position is followed by a request without it', async () => {
    const { asked, heard } = await away()
    expect(asked).toEqual([
      ['GET', ['Last-Event-ID']],
      ['HEAD', []],
      ['GET', []],
    ])
    expect(heard.slice(0, 2)).toEqual(['opened fetch-streaming', 'blocks undefined=a'])
  })

  test('a server that is away is not asked twice', async () => {
    const { asked, heard } = await away({ isThere: false })
    expect(asked.map(([method]) => method)).toEqual(['GET', 'HEAD'])
    expect(heard).toEqual(['ended refused'])
  })

  test.each(['7', ''])('what is not shared is refused for good (position "%s")', async position => {
    const { asked, failures } = await away({ position, isShared: false })
    expect(asked.map(([method]) => method)).toEqual(['GET', 'HEAD', 'GET'])
    expect(failures).toMatchObject([{ kind: 'status', code: 'cors' }])
  })

  test('our own wire never goes on without its position', async () => {
    expect((await away({ dialect: native })).heard).toEqual(['ended refused'])
  })
})

describe('a POST', () => {
  const post = (options: FetchOptions) => begin({ options: { method: 'POST', body: 'why?', ...options } })

  test('that was answered says that asking again costs the server its work', async () => {
    expect((await post({})).failures[0]).toMatchObject({ kind: 'ended', costly: true })
    expect((await begin()).failures[0]).toMatchObject({ kind: 'ended', costly: false })
  })

  test('that is to be answered once ends the line with its answer', async () => {
    const { asked, failures } = await post({ once: true })
    expect(failures[0]).toMatchObject({ kind: 'ended', status: 204 })
    expect(asked[0]).not.toHaveProperty('once')
  })
})

test('what is sent goes by fetch too, where there is no XMLHttpRequest', async () => {
  const { asked, channel } = await begin({
    dialect: native,
    answer: () => new Response(new ReadableStream(), stream),
  })
  channel.send?.('id: 1\ndata: up\n\n', () => {})
  expect(asked.at(-1)).toMatchObject({ method: 'POST', body: 'id: 1\ndata: up\n\n' })
})

test('a refusal is told in the server’s words', async () => {
  const headers = { 'Content-Type': 'text/plain' }
  const { failures, world } = await begin({
    dialect: native,
    answer: () => new Response('not for you\n', { status: 403, headers }),
  })
  await world.settle()
  expect(failures[0]).toMatchObject({ status: 403, detail: 'not for you' })
  expect(world.timers).toBe(0)
})
