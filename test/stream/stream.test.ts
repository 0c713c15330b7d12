/** `throughline/stream` against a server that says exactly what it is told to. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type Answer, type AnswerOptions, StreamError, type StreamEvent, stream } from '../../src/stream.ts'
import { type Act, answer, chunk, head, last, type RawServer, rawServer } from './server.ts'

const words = ['안녕', ' 하세요', ' 👩‍👩‍👧‍👦', ' done']
const whole = (blocks: string) => head + chunk(blocks) + last
const plainly = words.map(data => `data: ${data}\n\n`).join('')
const withIds = (from = 0) =>
  words
    .map((data, index) => `id: ${index + 1}\ndata: ${data}\n\n`)
    .slice(from)
    .join('')

/** Pauses are over at once. */
beforeEach(() => void vi.spyOn(Math, 'random').mockReturnValue(0))
afterEach(() => vi.restoreAllMocks())

async function asked(act: Act, options: AnswerOptions, use: (answer: Answer, server: RawServer) => unknown) {
  await using server = await rawServer(act)
  await use(stream(`${server.url}/ask?secret=1`, options), server)
}

async function all(answer: Answer): Promise<StreamEvent[]> {
  const events: StreamEvent[] = []
  for await (const event of answer) events.push(event)
  return events
}

async function failureOf(answer: PromiseLike<unknown>): Promise<StreamError> {
  const failed = await Promise.resolve(answer).then(
    () => undefined,
    error => error,
  )
  expect(failed).toBeInstanceOf(StreamError)
  return failed as StreamError
}

describe('an answer', () => {
  test('is heard event by event, and the request carries what the page said', async () => {
    const body = { question: '왜?' }
    const options = { body, headers: { 'X-Own': '1' }, token: async () => 'tok' }
    const blocks = ': hi\n\nretry: 5\nid: a\ndata: one\ndata: two\n\nevent: done\ndata: {}\n\ndata: lost'
    await asked(
      (_, socket) => socket.end(whole(blocks)),
      options,
      async (answer, { came }) => {
        expect(await all(answer)).toEqual([
          { event: 'message', data: 'one\ntwo', id: 'a' },
          { event: 'done', data: '{}', id: 'a' },
        ])
        expect(came).toMatchObject([
          {
            method: 'POST',
            path: '/ask?secret=1',
            body: JSON.stringify(body),
            headers: {
              accept: 'text/event-stream',
              'content-type': 'application/json',
              authorization: 'Bearer tok',
              'x-own': '1',
            },
          },
        ])
        expect([answer.status, answer.readyState, answer.lastEventId]).toEqual([200, 2, 'a'])
        expect(answer.header('content-type')).toBe('text/event-stream')
      },
    )
  })

  test('is read as often as one likes, as events, text and JSON, each piece when it comes', async () => {
    let go = () => {}
    const act: Act = (_, socket) => {
      socket.write(head + chunk('data: {"a":1}\n\n'))
      go = () => socket.end(chunk('data: [2]\n\n') + last)
    }
    await asked(act, { body: 'x' }, async answer => {
      const values = answer.json()[Symbol.asyncIterator]()
      expect(await values.next()).toEqual({ value: { a: 1 }, done: false })
      go()
      expect(await values.next()).toEqual({ value: [2], done: false })
      expect(await values.next()).toEqual({ value: undefined, done: true })
      expect(await answer.json()).toEqual([{ a: 1 }, [2]])
      expect(await answer.text()).toBe('{"a":1}[2]')
      expect((await all(answer)).length).toBe(2)
    })
  })

  test('as a whole is a promise, with catch and finally', async () => {
    await asked(
      (_, socket) => socket.end(answer(500, '')),
      { body: 'x' },
      async answer => {
        const act = vi.fn()
        expect(await answer.text().catch(({ kind }) => kind)).toBe('status')
        await expect(answer.json().finally(act)).rejects.toBeInstanceOf(StreamError)
        expect(act).toHaveBeenCalledOnce()
      },
    )
  })

  test('that is no JSON says so, where JSON is asked for', async () => {
    await asked(
      (_, socket) => socket.end(whole(plainly)),
      {},
      async answer => {
        const error = await failureOf(answer.json())
        expect([error.kind, error.message, error.received.length]).toEqual([
          'unreadable',
          '"안녕" is no JSON',
          4,
        ])
        expect(await answer.text()).toBe(words.join(''))
      },
    )
  })

  test('that is no JSON ends there, where it is read as JSON piece by piece, and is not taken for a whole one', async () => {
    await asked(
      (_, socket) => socket.write(head + chunk('data: 1\n\ndata: [DONE]\n\n')),
      { body: 'x' },
      async answer => {
        const values: unknown[] = []
        const loop = (async () => {
          for await (const value of answer.json()) values.push(value)
        })()
        const error = await failureOf(loop)
        expect([values, error.kind, error.message]).toEqual([[1], 'unreadable', '"[DONE]" is no JSON'])
        await expect(answer.done).rejects.toBe(error)
        await expect(all(answer)).rejects.toBe(error)
      },
    )
  })

  test('is told by events of its names too', async () => {
    await asked(
      (_, socket) => socket.end(whole('data: a\n\nid: 7\nevent: error\ndata: b\n\n')),
      {},
      async answer => {
        const told: unknown[] = []
        answer.onopen = ({ status, resumed }) => told.push(['open', status, resumed])
        answer.onmessage = ({ data, lastEventId }) => told.push(['message', data, lastEventId])
        answer.onerror = () => told.push('onerror is not for what a server calls "error"')
        answer.addEventListener('error', ({ data, lastEventId }) => told.push(['error', data, lastEventId]))
        answer.onclose = () => told.push('close')
        await answer.done
        expect(told).toEqual([['open', 200, false], ['message', 'a', ''], ['error', 'b', '7'], 'close'])
      },
    )
  })

  test('tells how long what took', async () => {
    const act: Act = async (_, socket) => {
      socket.write(head)
      await sleep(30)
      socket.end(chunk('data: a\n\n') + last)
    }
    await asked(act, {}, async answer => {
      expect(answer.timing).toEqual({})
      await answer.done
      const { head = Number.NaN, firstByte = Number.NaN, end = Number.NaN } = answer.timing
      expect(head).toBeLessThan(firstByte)
      expect(firstByte).toBeLessThanOrEqual(end)
    })
  })

  test('may have no event', async () => {
    await asked(
      (_, socket) => socket.end(whole(': nothing to say\n')),
      { body: 'x' },
      async answer => {
        expect(await all(answer)).toEqual([])
      },
    )
  })

  test('without a byte is none: its head may have broken off', async () => {
    await asked(
      (_, socket) => socket.end(head + last),
      { body: 'x' },
      async (answer, { came }) => {
        expect((await failureOf(answer.done)).kind).toBe('IN_DOUBT')
        expect(came.length).toBe(1)
      },
    )
  })
})

describe('its end', () => {
  const act: Act = (_, socket) => socket.write(head + chunk(`${plainly}data: [DONE]\n\ndata: more\n\n`))

  test('is what `until` says, which is not handed on', async () => {
    await asked(act, { body: 'x', until: '[DONE]' }, async answer => {
      expect(await answer.text()).toBe(words.join(''))
    })
  })

  test('is the event that a function is true for', async () => {
    await asked(act, { body: 'x', until: ({ data }) => data === ' done' }, async answer => {
      expect(await answer.text()).toBe(words.join(''))
    })
  })

  test('without it is a cut', async () => {
    await asked(
      (_, socket) => socket.end(whole(plainly)),
      { body: 'x', until: '[DONE]' },
      async (answer, { came }) => {
        const error = await failureOf(answer.done)
        expect([error.kind, error.text]).toEqual(['cut', words.join('')])
        expect(came.length).toBe(1)
      },
    )
  })

  test('comes with what the function threw', async () => {
    const threw = new Error('own')
    const until = () => {
      throw threw
    }
    await asked(act, { until }, answer => expect(all(answer)).rejects.toBe(threw))
  })
})

describe('a request', () => {
  test.each([
    ['FIN', (socket: import('node:net').Socket) => socket.end()],
    ['reset', (socket: import('node:net').Socket) => socket.resetAndDestroy()],
    ['half a head', (socket: import('node:net').Socket) => socket.end('HTTP/1.1 200 OK\r\nContent-')],
    [
      'a head alone',
      (socket: import('node:net').Socket) => void socket.write(head, () => socket.resetAndDestroy()),
    ],
  ])('that is no GET is sent once, and is in doubt when %s comes in place of its answer', async (_, cut) => {
    await asked(
      (_, socket) => cut(socket),
      { body: 'x', resume: '/on' },
      async (answer, { came }) => {
        const error = await failureOf(answer.text())
        expect(error.kind).toBe('IN_DOUBT')
        expect(error.message).toMatch(/^IN_DOUBT: http:\/\/127.0.0.1:\d+\/ask did not answer the POST/)
        await sleep(50)
        expect(came.length).toBe(1)
      },
    )
  })

  test.each<[string, NonNullable<AnswerOptions['headers']>]>([
    [
      'an object',
      { 'content-type': 'application/vnd.api+json', ACCEPT: 'application/json', authorization: 'Basic x' },
    ],
    [
      'Headers',
      new Headers({
        'Content-Type': 'application/vnd.api+json',
        Accept: 'application/json',
        Authorization: 'Basic x',
      }),
    ],
    [
      'a promise of pairs',
      async () => [
        ['Content-type', 'application/vnd.api+json'],
        ['accept', 'application/json'],
        ['Authorization', 'Basic x'],
      ],
    ],
  ])('has the headers of the page in place of its own, however they are spelt: %s', async (_, headers) => {
    await asked(
      (_, socket) => socket.end(whole(plainly)),
      { body: {}, token: 'tok', headers },
      async (answer, { came }) => {
        await answer.done
        expect(came[0]?.headers).toMatchObject({
          'content-type': 'application/vnd.api+json',
          accept: 'application/json',
          authorization: 'Basic x',
        })
      },
    )
  })

  test('leaves out a header that is undefined', async () => {
    const headers = { 'Mcp-Session-Id': undefined, Accept: undefined }
    await asked(
      (_, socket) => socket.end(whole(plainly)),
      { body: 'x', headers, token: '' },
      async (answer, { came }) => {
        await answer.done
        expect(came[0]?.headers.accept).toBe('text/event-stream')
        expect(Object.keys(came[0]?.headers ?? {})).not.toContain('mcp-session-id')
        expect(Object.keys(came[0]?.headers ?? {})).not.toContain('authorization')
      },
    )
  })

  test('that is a GET is sent again until there is an answer', async () => {
    let times = 0
    const act: Act = (_, socket) => (++times < 3 ? socket.destroy() : socket.end(whole(plainly)))
    await asked(act, {}, async (answer, { came }) => {
      const waits: unknown[] = []
      answer.onerror = ({ error, retryIn }) => waits.push([(error as StreamError).kind, retryIn])
      expect(await answer.text()).toBe(words.join(''))
      expect(waits).toEqual([
        ['refused', 1_000],
        ['refused', 2_000],
      ])
      expect(came.map(({ method }) => method)).toEqual(['GET', 'GET', 'GET'])
    })
  }, 20_000)

  test.each([
    [400, 'application/json', '{"why":"틀림"}', 'status'],
    [500, 'text/html', '<p>', 'status'],
    [204, 'text/event-stream', '', 'status'],
    [200, 'application/json', '{"a":1}', 'content'],
  ])('that is answered by %i %s fails with what the server said', async (status, type, body, kind) => {
    await asked(
      (_, socket) => socket.end(answer(status, body, { 'Content-Type': type })),
      { body: 'x', retries: 3 },
      async (answer, { came }) => {
        const error = await failureOf(all(answer))
        expect(error).toMatchObject({ kind, status, body, received: [] })
        expect(came.length).toBe(1)
      },
    )
  })

  test('that is refused has the status and the headers of the refusal', async () => {
    const refusal = answer(401, '', { 'WWW-Authenticate': 'Bearer realm="x"' })
    await asked(
      (_, socket) => socket.end(refusal),
      { body: 'x' },
      async answer => {
        await failureOf(answer.done)
        expect([answer.status, answer.header('www-authenticate')]).toEqual([401, 'Bearer realm="x"'])
        expect(answer.timing.head).toBeLessThanOrEqual(answer.timing.end as number)
      },
    )
  })

  test.each([0, 1])('that is answered by 503 and a time is asked again %i times', async retries => {
    let times = 0
    const act: Act = (_, socket) =>
      times++ ? socket.end(whole(plainly)) : socket.end(answer(503, 'later', { 'Retry-After': '1' }))
    await asked(act, { body: 'x', retries }, async (answer, { came }) => {
      if (retries) expect(await answer.text()).toBe(words.join(''))
      else
        expect(await failureOf(answer.done)).toMatchObject({ status: 503, body: 'later', retryAfter: 1_000 })
      expect(came.length).toBe(1 + retries)
    })
  })

  test('that nothing comes to is given up after `timeout`', async () => {
    await asked(
      () => {},
      { body: 'x', timeout: 1_500 },
      async (answer, { came }) => {
        expect((await failureOf(answer.done)).kind).toBe('IN_DOUBT')
        expect(came.length).toBe(1)
      },
    )
  })

  test('whose answer falls silent is given up with what came; comments keep it', async () => {
    const act: Act = async (_, socket) => {
      socket.write(head + chunk('data: a\n\n'))
      for (let n = 0; n < 10; n++) {
        await sleep(20)
        socket.write(chunk(':\n'))
      }
      socket.write(chunk('data: b\n\n'))
    }
    await asked(act, { body: 'x', timeout: 1_500 }, async answer => {
      expect(await failureOf(answer.done)).toMatchObject({ kind: 'silent', text: 'ab' })
    })
  })

  test.each<[string, AnswerOptions]>([
    ['a POST', { body: 'x' }],
    ['a GET', {}],
  ])('that is refused in words which never end is refused all the same: %s', async (_, options) => {
    const act: Act = (_, socket) =>
      socket.write('HTTP/1.1 400 x\r\nContent-Type: text/plain\r\nContent-Length: 99\r\n\r\nbecause')
    await asked(act, { ...options, timeout: 1_500 }, async (answer, { came }) => {
      expect(await failureOf(answer.done)).toMatchObject({ kind: 'status', status: 400, body: 'because' })
      expect(came.length).toBe(1)
    })
  })

  test('that the server puts off is not asked again sooner since the network is back', async () => {
    const online = vi.fn()
    vi.stubGlobal('addEventListener', online)
    const act: Act = (_, socket) => socket.end(answer(503, '', { 'Retry-After': '60' }))
    await asked(act, { body: 'x', retries: 1 }, async answer => {
      await new Promise(resolve => answer.addEventListener('error', resolve))
      expect(online).not.toHaveBeenCalled()
      answer.close()
    })
    vi.unstubAllGlobals()
  })

  test('ends when its signal is aborted, and rejects with the reason', async () => {
    let closed = () => {}
    const gone = new Promise<void>(resolve => {
      closed = resolve
    })
    const act: Act = (_, socket) => {
      socket.on('close', closed)
      socket.write(head + chunk('data: a\n\n'))
    }
    const control = new AbortController()
    await asked(act, { body: 'x', signal: control.signal }, async answer => {
      const loop = (async () => {
        for await (const { data } of answer) control.abort(new Error(`enough ${data}`))
      })()
      await expect(loop).rejects.toThrow('enough a')
      await expect(answer.done).rejects.toThrow('enough a')
      await gone
    })
  })

  test('is not sent with a signal that was aborted before', async () => {
    await asked(
      () => {},
      { body: 'x', signal: AbortSignal.abort('no') },
      async (answer, { came }) => {
        await expect(answer.done).rejects.toBe('no')
        await sleep(20)
        expect(came).toEqual([])
      },
    )
  })

  test('can be ended while the next piece of its text is waited for', async () => {
    await asked(
      (_, socket) => socket.write(head + chunk('data: a\n\n')),
      { body: 'x' },
      async answer => {
        const pieces = answer.text()[Symbol.asyncIterator]()
        expect(await pieces.next()).toEqual({ value: 'a', done: false })
        const waiting = pieces.next()
        await pieces.return?.()
        expect(await waiting).toEqual({ value: undefined, done: true })
        expect(answer.readyState).toBe(2)
      },
    )
  })

  test('ends when its loop is left', async () => {
    let closed = () => {}
    const gone = new Promise<void>(resolve => {
      closed = resolve
    })
    const act: Act = (_, socket) => {
      socket.on('close', closed)
      socket.write(head + chunk(plainly))
    }
    await asked(act, { body: 'x' }, async answer => {
      for await (const { data } of answer) if (data === words[1]) break
      await gone
      expect(answer.readyState).toBe(2)
      await answer.done
    })
  })
})

describe('an answer that breaks off', () => {
  test('without ids fails with what came', async () => {
    const act: Act = (_, socket) =>
      socket.write(head + chunk('data: a\n\ndata: b\n\ndata: half'), () => socket.destroy())
    await asked(act, { body: 'x', resume: '/on' }, async (answer, { came }) => {
      const error = await failureOf(all(answer))
      expect(error).toMatchObject({ kind: 'cut', text: 'ab', lastEventId: '' })
      expect(error.message).toMatch(/\/ask broke off after 2 events$/)
      expect(came.length).toBe(1)
    })
  })

  test('has the last id, also of one that came without an event', async () => {
    const act: Act = (_, socket) =>
      socket.write(head + chunk('id: 1\ndata: a\n\nid: 2\n\n'), () => setTimeout(() => socket.destroy(), 50))
    await asked(act, { body: 'x' }, async answer => {
      expect(await failureOf(answer.done)).toMatchObject({ text: 'a', lastEventId: '2' })
      expect(answer.lastEventId).toBe('2')
    })
  })

  test('goes on where `resume` says, by a GET with Last-Event-ID and the same headers', async () => {
    const act: Act = ({ method }, socket) =>
      method === 'POST'
        ? socket.write(head + chunk('retry: 1\nid: 1\ndata: 안녕\n\n'), () => socket.destroy())
        : socket.end(whole(withIds(1)))
    const options: AnswerOptions = {
      body: { a: 1 },
      token: 'tok',
      headers: [['X-Own', '1']],
      resume: id => ({ url: `/ask/${id}`, headers: { 'X-More': id } }),
    }
    await using server = await rawServer(act)
    const { url } = server
    const resume = (id: string) => ({ url: `${url}/ask/${id}`, headers: { 'X-More': id } })
    const answer = stream(`${url}/ask`, { ...options, resume })
    const opened: boolean[] = []
    answer.onopen = ({ resumed }) => opened.push(resumed)
    expect(await answer.text()).toBe(words.join(''))
    expect(opened).toEqual([false, true])
    expect(server.came).toMatchObject([
      { method: 'POST' },
      {
        method: 'GET',
        path: '/ask/1',
        body: '',
        headers: { 'last-event-id': '1', authorization: 'Bearer tok', 'x-own': '1', 'x-more': '1' },
      },
    ])
    expect(server.came[1]?.headers['content-type']).toBeUndefined()
  })

  test('goes on at an address relative to its own; what is meant for its server goes to no other', async () => {
    await using other = await rawServer((_, socket) => socket.end(whole(withIds(2))))
    const act: Act = ({ method }, socket) => {
      const id = method === 'POST' ? 1 : 2
      socket.write(head + chunk(`retry: 1\nid: ${id}\ndata: ${words[id - 1]}\n\n`), () => socket.destroy())
    }
    const options: AnswerOptions = {
      body: 'x',
      token: 'tok',
      headers: { 'X-Own': '1' },
      resume: id => (id === '1' ? `on/${id}` : { url: `${other.url}/on`, headers: { 'X-More': '2' } }),
    }
    await asked(act, options, async (answer, { came }) => {
      expect(await answer.text()).toBe(words.join(''))
      const own = { authorization: 'Bearer tok', 'x-own': '1', 'last-event-id': '1' }
      expect(came[1]).toMatchObject({ path: '/on/1', headers: own })
      expect(other.came[0]?.headers).toMatchObject({
        accept: 'text/event-stream',
        'last-event-id': '2',
        'x-more': '2',
      })
      expect(other.came[0]?.headers).not.toHaveProperty('authorization')
      expect(other.came[0]?.headers).not.toHaveProperty('x-own')
    })
  })

  test('can be ended when it is told, before it goes on', async () => {
    const rejected = vi.fn()
    process.on('unhandledRejection', rejected)
    const act: Act = (_, socket) =>
      socket.write(head + chunk('retry: 1\nid: 1\ndata: a\n\n'), () => socket.destroy())
    await asked(act, { body: 'x', resume: '/on' }, async (answer, { came }) => {
      answer.onerror = () => answer.close()
      await answer.done
      await sleep(50)
      expect(rejected).not.toHaveBeenCalled()
      expect(came.length).toBe(1)
    })
    process.off('unhandledRejection', rejected)
  })

  test('is not asked again at once by a server that wants it to wait for weeks', async () => {
    const act: Act = (_, socket) =>
      socket.write(head + chunk('retry: 3000000000\nid: 1\ndata: a\n\n'), () => socket.destroy())
    await asked(act, { body: 'x', resume: '/on' }, async (answer, { came }) => {
      const waits: unknown[] = []
      answer.onerror = ({ retryIn }) => waits.push(retryIn)
      await sleep(100)
      expect([waits, came.length]).toEqual([[600_000], 1])
      answer.close()
    })
  })

  test('goes on through refusals of a server that is not back, and fails at one that is meant', async () => {
    const answers = [answer(502, ''), answer(429, '', { 'Retry-After': '1' }), answer(404, 'gone')]
    const act: Act = ({ method }, socket) =>
      method === 'POST'
        ? socket.write(head + chunk('retry: 1\nid: 1\ndata: a\n\n'), () => socket.destroy())
        : socket.end(answers.shift() as string)
    await using server = await rawServer(act)
    const error = await failureOf(stream(`${server.url}/ask`, { body: 'x', resume: `${server.url}/on` }).done)
    expect(error).toMatchObject({ kind: 'status', status: 404, body: 'gone', text: 'a', lastEventId: '1' })
    expect(server.came.map(({ method }) => method)).toEqual(['POST', 'GET', 'GET', 'GET'])
  })

  test('is whole when the server says that there is no more of it', async () => {
    const act: Act = ({ method }, socket) =>
      method === 'POST'
        ? socket.write(head + chunk(`retry: 1\n${withIds()}`), () => socket.destroy())
        : socket.end(answer(204, ''))
    await using server = await rawServer(act)
    const came = await stream(`${server.url}/ask`, { body: 'x', resume: `${server.url}/on` }).text()
    expect(came).toBe(words.join(''))
  })

  const text = `retry: 1\n${withIds()}`
  const bytes = Buffer.from(head + chunk(text) + last)
  const offsets = Array.from({ length: bytes.length }, (_, offset) => offset)

  test('at whichever byte: with ids all of it comes, once; without any what came is in the error; the POST is sent once', async () => {
    const bare = Buffer.from(head + chunk(plainly) + last)
    for (const offset of offsets) {
      const act: Act = ({ method, path, headers }, socket) => {
        const cut = path === '/bare' ? bare : bytes
        if (method === 'POST') return void socket.write(cut.subarray(0, offset), () => socket.destroy())
        return socket.end(whole(withIds(Number(headers['last-event-id']))))
      }
      await using server = await rawServer(act)
      const resumed = stream(`${server.url}/ids`, { body: 'x', resume: `${server.url}/on` })
      const broken = stream(`${server.url}/bare`, { body: 'x' })
      const outcome = await resumed.text().then(
        text => text,
        (error: StreamError) => error.kind,
      )
      const isBegun = offset >= bytes.indexOf('id: 2')
      if (isBegun) expect([offset, outcome]).toEqual([offset, words.join('')])
      else expect([offset, outcome]).toEqual([offset, outcome === 'IN_DOUBT' ? outcome : words.join('')])
      const whatCame = await broken.text().then(
        text => ({ text, kind: 'whole' }),
        ({ text, kind }: StreamError) => ({ text, kind }),
      )
      expect(words.join('').startsWith(whatCame.text)).toBe(true)
      expect(whatCame.kind).toBe(whatCame.text === '' ? 'IN_DOUBT' : offset < bare.length ? 'cut' : 'whole')
      expect(
        server.came
          .filter(({ method }) => method === 'POST')
          .map(({ path }) => path)
          .sort(),
      ).toEqual(['/bare', '/ids'])
    }
  })

  test('in pieces of one byte it is the same text', async () => {
    const act: Act = async (_, socket) => {
      socket.setNoDelay(true)
      socket.write(head)
      for (const byte of Buffer.from(text)) {
        socket.write(Buffer.concat([Buffer.from('1\r\n'), Buffer.of(byte), Buffer.from('\r\n')]))
        await sleep(0)
      }
      socket.end(last)
    }
    await asked(act, { body: 'x' }, async answer => expect(await answer.text()).toBe(words.join('')))
  })
})

describe('what cannot be asked is refused by name', () => {
  test.each<[string, AnswerOptions, RegExp]>([
    ['no url', {}, /^stream: "no url" is no URL, and there is no page for it to be relative to$/],
    [
      'http://127.0.0.1:9/',
      { body: new ReadableStream() },
      /^stream: body is a ReadableStream; give text, bytes/,
    ],
    ['http://127.0.0.1:9/', { body: () => {} }, /^stream: body is a Function; give text/],
  ])('%s %j', (url, options, words) => {
    expect(() => stream(url, options)).toThrow(words)
  })

  test('a Request in place of a URL does not become an address of the page', () => {
    vi.stubGlobal('location', new URL('http://127.0.0.1:9/page'))
    expect(() => stream(new Request('http://127.0.0.1:9/') as unknown as URL)).toThrow(
      /^stream: undefined is no URL/,
    )
    vi.unstubAllGlobals()
  })

  test('a header that no bytes can be made of leaves nothing running', async () => {
    const clear = vi.spyOn(globalThis, 'clearTimeout')
    const set = vi.spyOn(globalThis, 'setTimeout')
    await expect(stream('http://127.0.0.1:9/', { headers: { x: '\ud800' } }).done).rejects.toThrow(URIError)
    for (const { value } of set.mock.results) expect(clear).toHaveBeenCalledWith(value)
  })

  test.each<[AnswerOptions]>([[{ headers: { 'no name': 'x' } }], [{ method: 'GET', body: 'x' }]])(
    '%j is a TypeError, and not in doubt',
    async options => {
      const error = await stream('http://127.0.0.1:9/', options).done.catch(error => error)
      expect(error).toBeInstanceOf(TypeError)
    },
  )
})
