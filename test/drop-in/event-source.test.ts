/** `EventSource` of throughline/drop-in in Node, against servers that say exactly what a test wants. */
import { expect, onTestFinished, test, vi } from 'vitest'
import { EventSource, type EventSourceEvents } from '../../src/drop-in.ts'
import { browser } from '../../src/environment.ts'
import { type Act, answer, type Came, chunk, head, last, rawServer } from '../stream/server.ts'

const whole = (...texts: string[]) => `${head}${texts.map(chunk).join('')}${last}`
const retry = 'retry: 1\n\n'

test('hears events, comes back after the end with the last id, and ends at a 204', async () => {
  const server = await serve(
    whole(`${retry}id: 한\ndata: a\n\nevent: price\ndata: b\n\nid: lost\ndata: half`),
    whole('data: c\n\n'),
    answer(204, ''),
  )
  const heard = await record(server.url, { names: ['price'], until: 'error 2' })
  expect(heard.words).toEqual([
    'open',
    'message a #한',
    'price b #한',
    'error 0 ended',
    'open',
    'message c #한',
    'error 0 ended',
    'error 2 status 204',
  ])
  expect(server.came.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '한', '한'])
  expect(server.came[0]?.headers).toMatchObject({ accept: 'text/event-stream', 'cache-control': 'no-cache' })
})

test.each([
  ['another status', answer(503, 'no', { 'Content-Type': 'text/event-stream' }), 'error 2 status 503'],
  ['another type', answer(200, '<p>', { 'Content-Type': 'text/html' }), 'error 2 content 200'],
])('fails for good at %s, and says which', async (_, refusal, said) => {
  const server = await serve(refusal)
  expect((await record(server.url, { until: said })).words).toEqual([said])
  expect(server.came).toHaveLength(1)
})

test('characters that are torn at whichever byte are whole', async () => {
  const text = '안녕 👩‍👩‍👧‍👦'
  const bytes = Buffer.from(`data: ${text}\n\n`)
  const offsets = [...bytes.keys()]
  const server = await rawServer(async ({ path }, socket) => {
    const at = Number(path.slice(1))
    socket.write(head)
    for (const part of [bytes.subarray(0, at), bytes.subarray(at)]) {
      if (part.length === 0) continue
      socket.write(Buffer.concat([Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')]))
      await new Promise(resolve => setImmediate(resolve))
    }
  })
  onTestFinished(() => server[Symbol.asyncDispose]())
  const heard = await Promise.all(
    offsets.map(at => record(`${server.url}/${at}`, { until: `message ${text}` })),
  )
  for (const { words } of heard) expect(words).toEqual(['open', `message ${text}`])
})

test('a stream that is cut at whichever byte goes on, and nothing of half an event is heard', async () => {
  const events = ['id: 1\ndata: 하나\n\n', 'id: 2\ndata: 둘 👋\n\n', 'data: end\n\n']
  const bytes = Buffer.from(`${head}${chunk(retry)}${chunk(events.slice(0, 2).join(''))}`)
  const cut = new Set<string>()
  const server = await rawServer(({ path, headers }, socket) => {
    if (cut.has(path)) {
      socket.write(`${head}${chunk(events.slice(Number(headers['last-event-id'] ?? 0)).join(''))}`)
    } else {
      cut.add(path)
      socket.end(bytes.subarray(0, Number(path.slice(1))))
    }
  })
  onTestFinished(() => server[Symbol.asyncDispose]())
  // Cut before `retry` came, each would wait for as long as an EventSource does that was told nothing.
  const first = Buffer.byteLength(`${head}${chunk(retry)}`)
  const offsets = Array.from({ length: bytes.length - first + 1 }, (_, index) => first + index)
  const heard = await Promise.all(offsets.map(at => record(`${server.url}/${at}`, { until: 'message end' })))
  for (const [index, { words }] of heard.entries()) {
    const messages = words.filter(each => each.startsWith('message'))
    expect([offsets[index], messages]).toEqual([
      offsets[index],
      ['message 하나 #1', 'message 둘 👋 #2', 'message end #2'],
    ])
  }
})

test('each event is a task: what a handler has promised is done before the next', async () => {
  const server = await serve(whole('data: 1\n\ndata: 2\n\n'))
  const order: string[] = []
  const source = open(server.url)
  await new Promise<void>(resolve => {
    source.onmessage = async ({ data }) => {
      order.push(`heard ${data}`)
      for (let turn = 0; turn < 5; turn++) await undefined
      order.push(`done ${data}`)
      if (data === '2') resolve()
    }
  })
  expect(order).toEqual(['heard 1', 'done 1', 'heard 2', 'done 2'])
})

test('nothing is heard after close(), whatever had come', async () => {
  const server = await serve(whole('data: 1\n\ndata: 2\n\nevent: x\ndata: 3\n\n'))
  const { words } = await record(server.url, { names: ['x'], until: 'message 1' })
  expect(words).toEqual(['open', 'message 1'])
})

test('a handler that throws stops nothing', async () => {
  const server = await serve(whole('data: 1\n\ndata: 2\n\n'))
  const thrown: unknown[] = []
  const caught = (error: unknown) => void thrown.push((error as Error).message)
  const others = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException').on('uncaughtException', caught)
  onTestFinished(() => {
    process.removeListener('uncaughtException', caught)
    for (const other of others) process.on('uncaughtException', other)
  })
  const source = open(server.url)
  await new Promise<void>(resolve => {
    source.onmessage = ({ data }) => {
      if (data === '2') resolve()
      else throw new Error('of the page')
    }
  })
  expect(thrown).toEqual(['of the page'])
})

test('the events say what was answered, and why it failed', async () => {
  const server = await serve(whole(retry), answer(404, 'gone', { 'X-Why': 'moved' }))
  const source = open(`${server.url}/updates?secret=1`)
  const opened = await next(source, 'open')
  expect(opened).toMatchObject({ status: 200, statusText: 'OK' })
  expect(opened.headers?.get('Content-Type')).toBe('text/event-stream')
  expect((await next(source, 'error')).error).toMatchObject({ kind: 'ended', name: 'EventSourceError' })
  const failed = await next(source, 'error')
  expect(failed).toMatchObject({ status: 404, statusText: 'x' })
  expect(failed.headers?.get('X-Why')).toBe('moved')
  expect(failed.error?.message).toBe(`${server.url}/updates answered with status 404`)
  expect(Object.hasOwn(failed, 'data')).toBe(false)
})

test('headers go along with each request', async () => {
  const server = await serve(whole(retry), answer(204, ''))
  await record(server.url, {
    until: 'error 2',
    options: { headers: { Authorization: 'Bearer x', ACCEPT: 'a/b' } },
  })
  for (const { headers } of server.came)
    expect(headers).toMatchObject({ authorization: 'Bearer x', accept: 'a/b' })
})

test('the last id goes into the address where it is asked for, and what is there stays as it is', async () => {
  const server = await serve(whole(`${retry}id: a&b\ndata: 1\n\n`), answer(204, ''))
  const options = { lastEventIdQueryParameterName: 'lastEventId' }
  await record(`${server.url}/?q=a%20b+c&lastEventId=old`, { until: 'error 2', options })
  expect(server.came.map(({ path, headers }) => [path, headers['last-event-id']])).toEqual([
    ['/?q=a%20b+c&lastEventId=old', undefined],
    ['/?q=a%20b+c&lastEventId=a%26b', undefined],
  ])
})

test('a stream that falls silent is asked for again where heartbeatTimeout says so', async () => {
  const server = await serve(`${head}${chunk(retry)}`, answer(204, ''))
  const { words } = await record(server.url, { until: 'error 2', options: { heartbeatTimeout: 200 } })
  expect(words).toEqual(['open', 'error 0 silent', 'error 2 status 204'])
})

test.each(['ftp://example.not/', 'about:blank', 'mailto:nobody@example.not', 'javascript:0'])(
  '%s is no address that can be asked: an event says so',
  async url => {
    expect((await record(url, { until: 'error 2' })).words).toEqual(['error 2 impossible'])
  },
)

test('a header that cannot be is told by an event too', async () => {
  const { words } = await record('http://localhost/', {
    until: 'error 2',
    options: { headers: { 'a b': '' } },
  })
  expect(words).toEqual(['error 2 impossible'])
})

test('what is no URL throws a SyntaxError', () => {
  expect(() => new EventSource('http://[')).toThrow(
    expect.objectContaining({ name: 'SyntaxError', code: 12 }),
  )
  expect(() => new (EventSource as never as new () => unknown)()).toThrow(TypeError)
})

test('it is shaped as Web IDL says', () => {
  const { prototype } = EventSource
  const { name, length, CONNECTING, OPEN, CLOSED } = EventSource as typeof EventSource & {
    name: string
    length: number
  }
  expect({ name, length, CONNECTING, OPEN, CLOSED }).toEqual({
    name: 'EventSource',
    length: 1,
    CONNECTING: 0,
    OPEN: 1,
    CLOSED: 2,
  })
  expect(`${Object.prototype.toString.call(prototype)}`).toBe('[object EventSource]')
  for (const place of [EventSource, prototype])
    expect(Object.getOwnPropertyDescriptor(place, 'OPEN')).toEqual({
      value: 1,
      enumerable: true,
      writable: false,
      configurable: false,
    })
  for (const name of ['url', 'withCredentials', 'readyState', 'onopen', 'onmessage', 'onerror'] as const) {
    expect(Object.getOwnPropertyDescriptor(prototype, name)?.enumerable).toBe(true)
    expect(() => prototype[name]).toThrow(TypeError)
    expect(() => Object.assign(prototype, { [name]: null })).toThrow(TypeError)
  }
  const found: string[] = []
  for (const name in prototype) found.push(name)
  expect(found).toEqual(expect.arrayContaining(['close', 'addEventListener', 'removeEventListener']))
  const { get, set } = Object.getOwnPropertyDescriptor(prototype, 'onopen') as PropertyDescriptor
  expect([get?.name, set?.name]).toEqual(['get onopen', 'set onopen'])
  expect(() => (EventSource as never as () => void)()).toThrow(TypeError)
  const { addEventListener, close } = open('about:blank')
  expect(() => close()).toThrow(TypeError)
  expect(() => Reflect.apply(addEventListener, open('about:blank'), ['message'])).toThrow(TypeError)
})

test('as the global class it leaves lines the one that it replaced, also where two copies of it are installed', async () => {
  const native = class {} as never
  onTestFinished(() => void delete (globalThis as { EventSource?: unknown }).EventSource)
  globalThis.EventSource = native
  for (let copy = 0; copy < 2; copy++) {
    vi.resetModules()
    const { EventSource } = await import('../../src/drop-in.ts')
    globalThis.EventSource = EventSource
    expect(browser().EventSource).toBe(native)
  }
})

/** A server that gives each request the next of these, and repeats the last one. */
async function serve(...answers: (string | Act)[]) {
  let turn = 0
  const server = await rawServer((came: Came, socket) => {
    const answer = answers[Math.min(turn++, answers.length - 1)] as string | Act
    if (typeof answer === 'string') socket.write(answer)
    else answer(came, socket)
  })
  onTestFinished(() => server[Symbol.asyncDispose]())
  return server
}

function open(url: string, options?: ConstructorParameters<typeof EventSource>[1]): EventSource {
  const source = new EventSource(url, options)
  onTestFinished(() => source.close())
  return source
}

function next<Type extends 'open' | 'error'>(source: EventSource, type: Type) {
  return new Promise<EventSourceEvents[Type]>(resolve => {
    source.addEventListener(type, event => resolve(event), { once: true })
  })
}

/** Listens until something that begins so was heard, closes there, and gives it a while to say what it must not say. */
async function record(
  url: string,
  {
    names = [],
    until,
    options,
  }: { names?: string[]; until: string; options?: ConstructorParameters<typeof EventSource>[1] },
) {
  const words: string[] = []
  const source = open(url, options)
  await new Promise<void>(resolve => {
    const note = (said: string) => {
      words.push(said)
      if (!said.startsWith(until)) return
      source.close()
      setTimeout(resolve, 50)
    }
    source.onopen = () => note('open')
    source.onerror = ({ error }) =>
      note(`error ${source.readyState} ${error?.kind}${error?.status ? ` ${error.status}` : ''}`)
    for (const name of ['message', ...names])
      source.addEventListener(name, (event: MessageEvent) =>
        note(`${event.type} ${event.data}${event.lastEventId ? ` #${event.lastEventId}` : ''}`),
      )
  })
  return { words }
}
