import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import {
  createHub,
  createPublishEndpoint,
  type Hub,
  type PublishEndpointOptions,
} from '../../server/index.ts'
import { createKeys } from '../../server/publish-keys.ts'

const secret = 'a secret of many characters'

interface Kept {
  topic: string
  data: unknown
  event: string
}

/** A hub that writes down what is published in it, and the endpoint at /publish. */
async function stand(options: Partial<PublishEndpointOptions> = {}, publish?: Hub['publish']) {
  const hub = createHub()
  const kept: Kept[] = []
  const recording = {
    publish: (async (topic: string, data: unknown, { event = 'message' } = {}) => {
      const id = await (publish ?? hub.publish)(topic, data as string, { event })
      kept.push({ topic, data, event })
      return id
    }) as Hub['publish'],
  }
  const given = 'authorize' in options ? options : { secret, ...options }
  const url = await serve(createPublishEndpoint(recording, given))
  onTestFinished(() => hub.close())
  return { url, kept, hub }
}

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/publish`
}

function post(url: string, body: BodyInit | object, headers: Record<string, string> = {}, method = 'POST') {
  const isJson = typeof body === 'object' && !(body instanceof Uint8Array)
  return fetch(url, {
    method,
    headers: {
      Authorization: `Bearer ${secret}`,
      ...(isJson && { 'Content-Type': 'application/json' }),
      ...headers,
    },
    ...(method === 'POST' && { body: isJson ? JSON.stringify(body) : (body as BodyInit) }),
  })
}

async function problem(response: Response) {
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  const { type, title, status, detail } = (await response.json()) as Record<string, unknown>
  expect({ type, status }).toEqual({ type: 'about:blank', status: response.status })
  expect(title).toEqual(expect.any(String))
  return { status, detail }
}

describe('what is published', () => {
  it('is a JSON object of topic, event and data, and is answered with the id', async () => {
    const { url, kept } = await stand()
    const response = await post(url, { topic: 'lobby', event: 'note', data: { cups: 2 } })
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json'])
    expect(await response.json()).toEqual({ id: expect.stringMatching(/^[\w-]+\.1\.[\w-]+$/) })
    await post(url, { topic: 'lobby', data: 'a text' })
    expect(kept).toEqual([
      { topic: 'lobby', event: 'note', data: { cups: 2 } },
      { topic: 'lobby', event: 'message', data: 'a text' },
    ])
  })

  it.each<[string, string, BodyInit, unknown]>([
    ['text/plain', 'a text', 'tea, 안녕', 'tea, 안녕'],
    ['application/x-www-form-urlencoded', 'the text that curl -d sends', 'a=b&c', 'a=b&c'],
    ['application/json', 'a value', '{"a":[1]}', { a: [1] }],
    ['application/octet-stream', 'bytes', Buffer.from([0, 255, 13]), Buffer.from([0, 255, 13])],
  ])('is the body as it is where the address names the topic: %s is %s', async (type, _, body, data) => {
    const { url, kept } = await stand()
    const headers = { 'Content-Type': type }
    expect((await post(`${url}?topic=a%20b&event=note`, body, headers)).status).toBe(200)
    expect(kept).toEqual([{ topic: 'a b', event: 'note', data }])
  })

  it('is heard by whoever hears the topic', async () => {
    const { url, hub } = await stand()
    const heard: unknown[] = []
    const server = createServer()
    hub.attach(server)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    const poll = await fetch(`http://127.0.0.1:${port}/live?topic=x&rt.via=long-polling&rt.n=0`)
    const id = /^id: (.*)$/m.exec(await poll.text())?.[1]
    await post(url, { topic: 'x', data: 'hello' })
    const next = await fetch(`http://127.0.0.1:${port}/live?topic=x&rt.via=long-polling&rt.n=0&rt.id=${id}`)
    heard.push(/^data: hello$/m.test(await next.text()))
    expect(heard).toEqual([true])
  })

  it('may have been read by a body parser', async () => {
    const kept: unknown[] = []
    const hub = {
      publish: (async (_: string, data: unknown) => `id ${kept.push(data)}`) as unknown as Hub['publish'],
    }
    const endpoint = createPublishEndpoint(hub, { secret })
    const url = await serve(async (request, response) => {
      let text = ''
      for await (const chunk of request) text += chunk
      await endpoint(Object.assign(request, { body: JSON.parse(text) }), response)
    })
    expect((await post(url, { topic: 'x', data: 1 })).status).toBe(200)
    expect(kept).toEqual([1])
  })
})

describe('what is refused', () => {
  it.each<[string, BodyInit | object, number, RegExp]>([
    ['no JSON', 'topic=x', 400, /not JSON.*\?topic=/],
    ['no object', [1] as object, 400, /JSON object/],
    ['no topic', { data: 1 }, 400, /topic is undefined/],
    ['no data', { topic: 'x' }, 400, /data is missing/],
    [
      'a field that there is not',
      { topic: 'x', data: 1, evnt: 'a' },
      400,
      /"evnt"; there are topic, event, data and id/,
    ],
    ['a topic of the protocol', { topic: 'rt.x', data: 1 }, 400, /topic is "rt.x"/],
    ['an event that cannot be', { topic: 'x', event: 'a\nb', data: 1 }, 400, /event is "a\\nb"/],
    ['an id that is no text', { topic: 'x', data: 1, id: 7 }, 400, /id is 7/],
  ])('%s', async (_, body, status, words) => {
    const { url, kept } = await stand()
    expect(await problem(await post(url, body))).toEqual({ status, detail: expect.stringMatching(words) })
    expect(kept).toEqual([])
  })

  it('another method, and it says which one it takes', async () => {
    const { url } = await stand()
    const response = await post(url, '', {}, 'GET')
    expect(response.headers.get('allow')).toBe('POST')
    expect(await problem(response)).toEqual({ status: 405, detail: expect.stringContaining('POST') })
  })

  it('more than maxBody, whether its length is told or not', async () => {
    const { url, kept } = await stand({ maxBody: 100 })
    const body = JSON.stringify({ topic: 'x', data: 'y'.repeat(200) })
    expect(await problem(await post(url, body))).toEqual({
      status: 413,
      detail: expect.stringContaining('100 bytes'),
    })
    const pieces = new ReadableStream({
      start(controller) {
        controller.enqueue(Buffer.from(body))
        controller.close()
      },
    })
    const headers = { Authorization: `Bearer ${secret}` }
    const streamed = { method: 'POST', headers, body: pieces, duplex: 'half' } as RequestInit
    expect((await fetch(url, streamed)).status).toBe(413)
    expect(kept).toEqual([])
  })

  it('what a log cannot keep just now, with a time to come again', async () => {
    const { url } = await stand({}, () => Promise.reject(new Error('the disk is full, at /var/secret')))
    const response = await post(url, { topic: 'x', data: 1 })
    expect(response.headers.get('retry-after')).toBe('5')
    expect(await problem(response)).toEqual({ status: 503, detail: 'the message could not be kept just now' })
  })
})

describe('who may publish', () => {
  it('is whoever shows the secret, or one of several', async () => {
    const other = 'another secret of many'
    const { url } = await stand({ secret: [other, secret] })
    for (const token of [secret, other])
      expect((await post(url, { topic: 'x', data: 1 }, { Authorization: `bearer ${token}` })).status).toBe(
        200,
      )
    for (const authorization of [
      '',
      `Bearer ${secret}x`,
      `Bearer ${secret.slice(1)}`,
      `Basic ${secret}`,
      'Bearer ',
    ]) {
      const response = await post(url, { topic: 'x', data: 1 }, { Authorization: authorization })
      expect(response.headers.get('www-authenticate')).toBe('Bearer')
      const { status, detail } = await problem(response)
      expect(status).toBe(401)
      expect(detail).not.toContain(secret)
    }
  })

  it('is whom authorize lets, which is shown the request and the topic', async () => {
    const { url, kept } = await stand({
      async authorize({ headers }, topic) {
        if (topic === 'closed') throw { status: 404, message: 'there is no such room' }
        return headers['x-key'] === 'k' && topic === 'x'
      },
    })
    expect((await post(url, { topic: 'x', data: 1 }, { 'X-Key': 'k' })).status).toBe(200)
    expect(await problem(await post(url, { topic: 'y', data: 1 }, { 'X-Key': 'k' }))).toMatchObject({
      status: 403,
    })
    expect(await problem(await post(url, { topic: 'closed', data: 1 }))).toEqual({
      status: 404,
      detail: 'there is no such room',
    })
    expect(kept).toHaveLength(1)
  })

  it.each([
    [{}, /either secret or authorize/],
    [{ secret, authorize: () => true }, /either secret or authorize/],
    [{ secret: 'short' }, /16 characters/],
    [{ secret: [] }, /either secret or authorize/],
    [{ secret, maxBody: 0 }, /maxBody is 0/],
    [{ secret, remember: { for: -1 } }, /remember.for is -1/],
    [{ authorize: 'all' as never }, /authorize is/],
  ])('has to be said: %j', (options, words) => {
    expect(() => createPublishEndpoint(createHub(), options)).toThrow(words)
  })
})

describe('a retry with the same Idempotency-Key', () => {
  it.each([
    ['a header, in quotes as structured fields have it', { 'Idempotency-Key': '"k 1"' }, {}],
    ['a header without quotes', { 'Idempotency-Key': 'k-1' }, {}],
    ['the field id', {}, { id: 'k-1' }],
  ])('is answered the same, and published once: %s', async (_, headers, more) => {
    const { url, kept } = await stand()
    const body = { topic: 'x', data: 1, ...more }
    const answers = []
    for (let times = 0; times < 3; times++) answers.push(await (await post(url, body, headers)).json())
    expect(answers[1]).toEqual(answers[0])
    expect(answers[2]).toEqual(answers[0])
    expect(kept).toHaveLength(1)
  })

  it('waits while the first one is under way', async () => {
    let finish = (_: string) => {}
    const slow = vi.fn(
      () =>
        new Promise<string>(resolve => {
          finish = resolve
        }),
    )
    const { url, kept } = await stand({}, slow as never)
    const headers = { 'Idempotency-Key': 'k' }
    const both = [post(url, { topic: 'x', data: 1 }, headers), post(url, { topic: 'x', data: 1 }, headers)]
    await vi.waitFor(() => expect(slow).toHaveBeenCalledTimes(1))
    // A third one with another message is told at once, so the second has arrived by then or comes later: either way it waits.
    expect((await post(url, { topic: 'x', data: 2 }, headers)).status).toBe(422)
    finish('the id')
    for (const response of await Promise.all(both)) expect(await response.json()).toEqual({ id: 'the id' })
    expect(kept).toHaveLength(1)
  })

  it.each([
    ['topic', { topic: 'y', data: 1 }],
    ['event', { topic: 'x', event: 'note', data: 1 }],
    ['data', { topic: 'x', data: 2 }],
    ['kind of data', { topic: 'x', data: '1' }],
  ])('is refused with 422 if it has another %s', async (_, other) => {
    const { url, kept } = await stand()
    const headers = { 'Idempotency-Key': '"k"' }
    expect((await post(url, { topic: 'x', data: 1 }, headers)).status).toBe(200)
    expect(await problem(await post(url, other, headers))).toEqual({
      status: 422,
      detail: expect.stringContaining('another message'),
    })
    expect(kept).toHaveLength(1)
  })

  it('tries again after a failure', async () => {
    let times = 0
    const { url, kept } = await stand({}, (async () => {
      if (++times === 1) throw new Error('not now')
      return 'the id'
    }) as never)
    const headers = { 'Idempotency-Key': '"k"' }
    expect((await post(url, { topic: 'x', data: 1 }, headers)).status).toBe(503)
    expect(await (await post(url, { topic: 'x', data: 1 }, headers)).json()).toEqual({ id: 'the id' })
    expect(kept).toHaveLength(1)
  })

  it('says nothing to somebody with another credential', async () => {
    const other = 'another secret of many'
    const { url, kept } = await stand({ secret: [secret, other] })
    const headers = { 'Idempotency-Key': '"k"' }
    await post(url, { topic: 'x', data: 1 }, headers)
    const theirs = await post(url, { topic: 'x', data: 2 }, { ...headers, Authorization: `Bearer ${other}` })
    expect(theirs.status).toBe(200)
    expect(kept).toHaveLength(2)
  })

  it('is refused where header and id differ, and where the key is too long', async () => {
    const { url } = await stand()
    const body = { topic: 'x', data: 1, id: 'a' }
    expect((await problem(await post(url, body, { 'Idempotency-Key': '"b"' }))).detail).toContain(
      'different things',
    )
    const long = await post(url, { topic: 'x', data: 1 }, { 'Idempotency-Key': 'k'.repeat(256) })
    expect((await problem(long)).detail).toContain('1 to 255')
  })
})

describe('what is remembered', () => {
  it('is bounded in number: the oldest answer is forgotten', async () => {
    const keys = createKeys(60_000, 2)
    const acts = vi.fn(async () => `${acts.mock.calls.length}`)
    for (const key of ['a', 'b', 'c']) await keys.once(key, 'x', acts)
    expect(await keys.once('c', 'x', acts)).toBe('3')
    expect(await keys.once('b', 'x', acts)).toBe('2')
    expect(await keys.once('a', 'x', acts)).toBe('4')
  })

  it('is bounded while all are under way: 503', async () => {
    const keys = createKeys(60_000, 1)
    void keys.once('a', 'x', () => new Promise(() => {}))
    expect(() => keys.once('b', 'x', async () => 'b')).toThrow(expect.objectContaining({ status: 503 }))
  })

  it('is bounded in time, counted from the answer', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    onTestFinished(() => void vi.useRealTimers())
    const keys = createKeys(1_000, 10)
    const acts = vi.fn(async () => `${acts.mock.calls.length}`)
    expect(await keys.once('a', 'x', acts)).toBe('1')
    vi.advanceTimersByTime(900)
    expect(await keys.once('a', 'x', acts)).toBe('1')
    vi.advanceTimersByTime(200)
    expect(await keys.once('a', 'x', acts)).toBe('2')
  })
})

describe('docs/publishing.md', () => {
  const page = readFileSync('docs/publishing.md', 'utf8')

  it.each([
    ['curl', 'sh', 2],
    ['php', 'php', 1],
    ['python3', 'python', 1],
  ])(
    'what it shows for %s publishes, and once however often it is tried',
    async (program, language, count) => {
      const { status } = spawnSync(program, ['--version'], { stdio: 'ignore' })
      if (status !== 0) return
      const samples = [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))]
        .map(([, sample = '']) => sample)
        .filter(sample => sample.includes('/publish'))
        .filter(sample => language !== 'sh' || sample.startsWith('curl'))
      expect(samples).toHaveLength(count)
      const { url, kept } = await stand()
      for (const sample of samples) {
        for (let times = 0; times < 2; times++) {
          const { code, out } = await run(program, sample.replaceAll('https://example.com/publish', url))
          expect([code, out]).toEqual([0, expect.stringMatching(/"?id"?/)])
        }
      }
      // Those with a key are published once.
      const keyed = samples.filter(sample => sample.includes('Idempotency-Key')).length
      expect(kept).toHaveLength(2 * samples.length - keyed)
      for (const { topic } of kept) expect(topic).toBe('lobby')
    },
  )
})

async function run(program: string, sample: string): Promise<{ code: number | null; out: string }> {
  const { spawn } = await import('node:child_process')
  const [command, args] =
    program === 'curl'
      ? ['sh', ['-c', sample]]
      : program === 'php'
        ? ['php', ['-r', sample]]
        : [program, ['-c', sample]]
  const child = spawn(command as string, args as string[], {
    env: { ...process.env, PUBLISH_SECRET: secret },
  })
  let out = ''
  child.stdout.on('data', chunk => {
    out += chunk
  })
  child.stderr.on('data', chunk => {
    out += chunk
  })
  const [code] = await once(child, 'close')
  return { code, out }
}
