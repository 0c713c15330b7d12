/** `fetchEventSource` of throughline/drop-in in Node, against servers that say exactly what a test wants. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { type EventSourceMessage, type FetchEventSourceInit, fetchEventSource } from '../../src/drop-in.ts'
import { type Act, answer, chunk, head, last, rawServer } from '../stream/server.ts'

const retry = 'retry: 1\n\n'
const whole = (...texts: string[]) => `${head}${texts.map(chunk).join('')}${last}`
const cut =
  (text: string): Act =>
  (_, socket) => {
    // A chunk that is announced and does not come.
    socket.end(`${head}${chunk(text)}5\r\n`)
  }
const hangUp: Act = (_, socket) => socket.destroy()
const post = { method: 'POST', body: '{"q":1}', headers: { 'Content-Type': 'application/json' } }

test('hands on each message as the original does, and resolves at the end', async () => {
  const server = await serve(
    whole(
      ': hello\n\nid: 1\ndata: 안\ndata: 녕\n\n',
      'retry: 5\nevent: done\n\nid: 2\n\nretry: 6\n\ndata: 👋\n\n',
    ),
  )
  const closed: string[] = []
  const { messages } = await record(server.url, { ...post, onclose: () => void closed.push('closed') })
  expect(messages).toEqual([
    { id: '1', event: '', data: '안\n녕' },
    { id: '', event: 'done', data: '', retry: 5 },
    { id: '', event: '', data: '👋' },
  ])
  expect(closed).toEqual(['closed'])
  expect(server.came).toMatchObject([{ method: 'POST', body: '{"q":1}' }])
  expect(server.came[0]?.headers).toMatchObject({
    accept: 'text/event-stream',
    'content-type': 'application/json',
  })
})

test('names the server as such where an answer has no address, as one that a test has made', async () => {
  const asked = fetchEventSource('http://localhost/updates', {
    fetch: async () => new Response('hello'),
    onerror(error) {
      throw error
    },
  })
  await expect(asked).rejects.toThrow(/^the server answered with status 200/)
})

describe('what is not a GET is sent once', () => {
  test('when no answer comes: it rejects with what is in doubt', async () => {
    const server = await serve(hangUp)
    const heard: unknown[] = []
    const failed = await record(server.url, { ...post, onerror: error => void heard.push(error) })
    expect(failed.error).toMatchObject({
      name: 'StreamError',
      kind: 'IN_DOUBT',
      cause: expect.any(TypeError),
    })
    expect((failed.error as Error).message).toBe(
      `IN_DOUBT: ${server.url} did not answer the POST; what was asked may or may not be done`,
    )
    expect(heard).toEqual([failed.error])
    expect(server.came).toHaveLength(1)
  })

  test('when its answer breaks off at whichever byte', async () => {
    const bytes = Buffer.from(`${head}${chunk('id: 1\ndata: 하나 👋\n\n')}${chunk('data: 둘\n\n')}${last}`)
    const server = await rawServer(({ path }, socket) => socket.end(bytes.subarray(0, Number(path.slice(1)))))
    onTestFinished(() => server[Symbol.asyncDispose]())
    const offsets = [...bytes.keys()]
    const outcomes = await Promise.all(offsets.map(at => record(`${server.url}/${at}`, post)))
    for (const [at, { error, messages }] of outcomes.entries()) {
      const kinds = at < Buffer.byteLength(head) ? ['IN_DOUBT'] : ['cut', 'IN_DOUBT']
      expect([at, kinds.includes((error as { kind: string }).kind)]).toEqual([at, true])
      expect(['', '하나 👋', '하나 👋둘']).toContain(messages.map(({ data }) => data).join(''))
    }
    expect(server.came).toHaveLength(offsets.length)
  })

  test('unless onerror returns a number: that is the page’s word', async () => {
    const server = await serve(hangUp, cut('id: 7\ndata: a\n\n'), whole('data: b\n\n'))
    const { messages, error } = await record(server.url, { ...post, onerror: () => 1 })
    expect(error).toBeUndefined()
    expect(messages.map(({ data }) => data)).toEqual(['a', 'b'])
    expect(server.came.map(({ method, headers }) => [method, headers['last-event-id']])).toEqual([
      ['POST', undefined],
      ['POST', undefined],
      ['POST', '7'],
    ])
  })

  test('and goes on by a GET where `resume` says where', async () => {
    const server = await serve(
      cut(`${retry}id: 1\ndata: a\n\n`),
      hangUp,
      cut('id: 한\ndata: b\n\n'),
      whole('data: c\n\n'),
    )
    const { messages, error } = await record(`${server.url}/ask`, {
      ...post,
      headers: { ...post.headers, 'X-Own': 'x' },
      resume: id => `${server.url}/on/${id.length}`,
    })
    expect(error).toBeUndefined()
    expect(messages.map(({ data }) => data)).toEqual(['a', 'b', 'c'])
    const came = server.came.map(({ method, path, headers, body }) => [
      method,
      path,
      headers['last-event-id'],
      headers['x-own'],
      body,
    ])
    expect(came).toEqual([
      ['POST', '/ask', undefined, 'x', '{"q":1}'],
      ['GET', '/on/1', '1', 'x', ''],
      ['GET', '/on/1', '1', 'x', ''],
      ['GET', '/on/1', '한', 'x', ''],
    ])
    expect(server.came[1]?.headers).not.toHaveProperty('content-type')
  })

  test('and what `resume` leads to may say that there is no more, or refuse', async () => {
    const kinds: unknown[] = []
    for (const there of [answer(204, ''), answer(404, 'gone'), answer(401, 'who?')]) {
      const server = await serve(cut(`${retry}id: 1\ndata: a\n\n`), there)
      kinds.push((await record(server.url, { ...post, resume: server.url })).error)
      expect(server.came).toHaveLength(2)
    }
    expect(kinds).toMatchObject([
      undefined,
      { kind: 'content', status: 404 },
      { kind: 'content', status: 401 },
    ])
  })

  test('when its answer ends before the first byte, as one does whose head broke off', async () => {
    const server = await serve(whole())
    expect((await record(server.url, post)).error).toMatchObject({ kind: 'IN_DOUBT' })
    expect(await record(server.url, {})).toEqual({ messages: [], error: undefined })
    expect(server.came.map(({ method }) => method)).toEqual(['POST', 'GET'])
  })

  test('when something of the page’s throws', async () => {
    const server = await serve(whole('id: 1\ndata: a\n\n'))
    for (const name of ['onopen', 'onmessage', 'onclose'] as const) {
      const thrown = new Error(name)
      const { error } = await record(server.url, {
        ...post,
        resume: server.url,
        [name]: () => {
          throw thrown
        },
      })
      expect(error).toBe(thrown)
    }
    expect(server.came).toHaveLength(3)
  })
})

describe('a GET', () => {
  test('is sent again by itself, with the last id', async () => {
    const server = await serve(
      cut(`${retry}id: 1\ndata: a\n\n`),
      hangUp,
      answer(500, 'no'),
      cut('id:\ndata: b\n\n'),
      whole('data: c\n\n'),
    )
    const kinds: string[] = []
    const { messages } = await record(server.url, { onerror: ({ kind }) => void kinds.push(kind) })
    expect(messages.map(({ data }) => data)).toEqual(['a', 'b', 'c'])
    expect(kinds).toEqual(['cut', 'refused', 'content', 'cut'])
    expect(server.came.map(({ headers }) => headers['last-event-id'])).toEqual([
      undefined,
      '1',
      '1',
      '1',
      undefined,
    ])
  })

  test('ends with what onerror throws', async () => {
    const server = await serve(answer(401, 'who?', { 'Content-Type': 'text/plain' }))
    const { error } = await record(`${server.url}/updates?secret=1`, {
      onerror: error => {
        throw error
      },
    })
    expect(error).toMatchObject({ name: 'StreamError', kind: 'content', status: 401 })
    expect((error as Error).message).toBe(
      `${server.url}/updates answered with status 401 and text/plain in place of text/event-stream`,
    )
    expect(server.came).toHaveLength(1)
  })

  test('keeps the id that the page begins with, until the server says another', async () => {
    const server = await serve(cut(retry), cut('id: 2\n\n'), whole())
    await record(server.url, { headers: { 'Last-Event-ID': '1' } })
    expect(server.came.map(({ headers }) => headers['last-event-id'])).toEqual(['1', '1', '2'])
  })
})

test('a Request is asked as it is, also for a second time', async () => {
  const server = await serve(hangUp, whole('data: a\n\n'))
  const request = new Request(server.url, { method: 'PUT', body: 'x', headers: { 'X-Own': 'y' } })
  await record(request, { onerror: () => 1 })
  for (const each of server.came)
    expect(each).toMatchObject({
      method: 'PUT',
      body: 'x',
      headers: { 'x-own': 'y', accept: 'text/event-stream' },
    })
  expect(server.came).toHaveLength(2)
})

test('onopen is given the answer before anything of it is read', async () => {
  const server = await serve(answer(200, 'data: a\n\n', { 'Content-Type': 'text/plain', 'X-Own': 'y' }))
  const { messages } = await record(server.url, {
    onopen: async response => expect(response.headers.get('X-Own')).toBe('y'),
  })
  expect(messages.map(({ data }) => data)).toEqual(['a'])
})

describe('signal', () => {
  test('resolves it, and nothing more is handed on', async () => {
    const server = await serve(whole('data: a\n\ndata: b\n\n'))
    const gone = new AbortController()
    const { messages, error } = await record(server.url, {
      ...post,
      signal: gone.signal,
      onmessage: () => gone.abort(),
    })
    expect([messages.map(({ data }) => data), error]).toEqual([['a'], undefined])
  })

  test('that is aborted already asks for nothing', async () => {
    const server = await serve(whole())
    expect(await record(server.url, { signal: AbortSignal.abort() })).toEqual({
      messages: [],
      error: undefined,
    })
    expect(server.came).toEqual([])
  })

  test('ends a wait too', async () => {
    const server = await serve(hangUp)
    const gone = new AbortController()
    const onerror = () => {
      setTimeout(() => gone.abort())
      return 2 ** 40
    }
    expect((await record(server.url, { signal: gone.signal, onerror })).error).toBeUndefined()
  })
})

test('what cannot be sent rejects at once, and is not tried again', async () => {
  const asked: unknown[] = []
  const onerror = (error: unknown) => void asked.push(error)
  expect((await record('http://[', { onerror })).error).toBeInstanceOf(TypeError)
  expect((await record('http://localhost/', { headers: { 'a b': '' }, onerror })).error).toBeInstanceOf(
    TypeError,
  )
  expect(asked).toEqual([])
})

test('a fetch of the page’s own is given plain headers, and an answer of any kind is read', async () => {
  const given: unknown[] = []
  const { messages } = await record('/relative', {
    headers: { a: 'b' },
    fetch: async (url, init) => {
      given.push(url, init?.headers)
      return new Response('data: \ufeffx\n\n', {
        headers: { 'Content-Type': 'text/event-stream; charset=utf-8' },
      })
    },
  })
  expect(given).toEqual(['/relative', { a: 'b', accept: 'text/event-stream' }])
  expect(messages).toEqual([{ id: '', event: '', data: '\ufeffx' }])
})

/** A server that gives each request the next of these, and repeats the last one. */
async function serve(...answers: (string | Act)[]) {
  let turn = 0
  const server = await rawServer((came, socket) => {
    const answer = answers[Math.min(turn++, answers.length - 1)] as string | Act
    if (typeof answer === 'string') socket.write(answer)
    else answer(came, socket)
  })
  onTestFinished(() => server[Symbol.asyncDispose]())
  return server
}

async function record(input: RequestInfo, init: FetchEventSourceInit) {
  const messages: EventSourceMessage[] = []
  const onmessage = (message: EventSourceMessage) => {
    messages.push(message)
    init.onmessage?.(message)
  }
  const error = await fetchEventSource(input, { ...init, onmessage }).then(
    () => undefined,
    (error: unknown) => error,
  )
  return { messages, error }
}
