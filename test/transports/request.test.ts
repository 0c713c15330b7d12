import { beforeEach, describe, expect, test } from 'vitest'
import type { Dialect } from '../../src/contracts/dialect.ts'
import { type Failure, readRetryAfter } from '../../src/contracts/failure.ts'
import type { Target } from '../../src/contracts/transport.ts'
import { native } from '../../src/dialects/native.ts'
import { plain } from '../../src/dialects/plain.ts'
import type { Environment } from '../../src/environment.ts'
import { request } from '../../src/transports/http/xhr-request.ts'
import { sentence } from '../../src/words.ts'
import { createWorld } from '../support/world.ts'
import { FakeXhr } from '../support/xhr.ts'

beforeEach(() => {
  FakeXhr.all = []
})

interface Given {
  dialect?: Dialect
  environment?: Partial<Environment>
  headers?: Record<string, string>
  withCredentials?: boolean
  body?: string
}

function ask({ dialect = native, environment, headers = {}, withCredentials = false, body }: Given = {}) {
  const heard: string[] = []
  const failures: (Failure | undefined)[] = []
  const world = createWorld()
  const parts = {
    ...world.environment,
    XMLHttpRequest: FakeXhr,
    base: 'https://host.test/page',
    ...environment,
  }
  const target = { dialect, withCredentials, environment: parts } as unknown as Target
  const abort = request(
    target,
    { url: 'https://host.test/live?token=secret', headers },
    {
      opened: url => heard.push(`opened${url && ` at ${url}`}`),
      text: (chunk, received) => heard.push(`${chunk} (${received})`),
      done: failure => {
        failures.push(failure)
        heard.push(failure ? `failed ${failure.kind}` : 'done')
      },
    },
    body,
  )
  return { abort, failures, heard, world, xhr: FakeXhr.all[0] as FakeXhr }
}

describe('the request', () => {
  test('is a GET, and with a body a POST', () => {
    expect(ask().xhr).toMatchObject({
      method: 'GET',
      url: 'https://host.test/live?token=secret',
      body: undefined,
    })
    FakeXhr.all = []
    expect(ask({ body: 'x' }).xhr).toMatchObject({ method: 'POST', body: 'x' })
  })

  test('reads whatever comes as UTF-8', () => {
    expect(ask().xhr.mime).toBe('text/event-stream; charset=utf-8')
  })

  test('sends header values as UTF-8 bytes', () => {
    expect(ask({ headers: { 'Last-Event-ID': '한' } }).xhr.sent).toEqual({ 'Last-Event-ID': '\xed\x95\x9c' })
  })

  test.each([true, false])('takes cookies along: %j', withCredentials => {
    expect(ask({ withCredentials }).xhr.withCredentials).toBe(withCredentials)
  })
})

describe('the words of a refusal', () => {
  const text = { 'content-type': 'text/plain; charset=utf-8' }

  test('come with its status', () => {
    const { failures, heard, xhr, world } = ask()
    xhr.answers(403, text)
    expect(heard).toEqual([])
    xhr.brings('not for')
    xhr.brings(' you\n')
    xhr.ends()
    expect(heard).toEqual(['failed status'])
    expect(failures[0]).toMatchObject({ status: 403, detail: 'not for you' })
    expect(world.timers).toBe(0)
  })

  test.each([414, 431])('are ours where it is %i: what can be done', code => {
    const { failures, xhr } = ask({ dialect: plain })
    xhr.answers(code, {})
    expect(sentence(failures[0] as Failure)).toMatch(
      /status 4\d\d, address and headers are longer than it takes: /,
    )
  })

  test('are waited for a second', async () => {
    const { heard, xhr, world } = ask()
    xhr.answers(503, { ...text, 'retry-after': '7' })
    await world.pass(999)
    expect(heard).toEqual([])
    await world.pass(1)
    expect(heard).toEqual(['failed status'])
  })

  test('that break off leave the status', () => {
    const { failures, xhr, world } = ask()
    xhr.answers(403, text)
    xhr.breaks()
    expect(failures).toMatchObject([{ kind: 'status', status: 403 }])
    expect(world.timers).toBe(0)
  })

  test('are not waited for when it is left', () => {
    const { abort, heard, xhr, world } = ask()
    xhr.answers(403, text)
    abort()
    expect([heard, world.timers]).toEqual([[], 0])
  })

  test.each([
    ['another server', plain, text],
    ['a page of HTML', native, { 'content-type': 'text/html' }],
  ])('are not asked of %s', (_, dialect, headers) => {
    const { heard, xhr } = ask({ dialect })
    xhr.answers(403, headers)
    expect(heard).toEqual(['failed status'])
  })
})

describe('the answer', () => {
  test('is opened when its status and type are right, then comes in pieces, then is done', () => {
    const { heard, xhr } = ask()
    xhr.answers()
    xhr.brings('a')
    xhr.brings('bc')
    xhr.ends()
    expect(heard).toEqual(['opened', 'a (1)', 'bc (3)', 'done'])
  })

  test('is read to its end although the last piece came without an event of its own', () => {
    const { heard, xhr } = ask()
    xhr.answers()
    xhr.responseText = 'late'
    xhr.ends()
    expect(heard).toEqual(['opened', 'late (4)', 'done'])
  })

  test.each([
    'text/event-stream',
    'text/event-stream; charset=utf-8',
    'Text/Event-Stream;x=y',
    ' text/event-stream ',
    'text/event-stream, text/event-stream',
    'text/event-stream,',
    ', text/event-stream;charset=utf-8,,',
    'text/event-stream, */ *',
    'text/html, text/event-stream',
  ])('may have the type %j', type => {
    const { heard, xhr } = ask()
    xhr.answers(200, { 'content-type': type })
    expect(heard).toEqual(['opened'])
  })

  test.each([
    'text/html',
    'text/event-streams',
    'application/x-dom-event-stream',
    'application/json',
    'text/event-stream, text/html',
    ',',
    '',
  ])('may not have the type %j', type => {
    const { failures, heard, xhr } = ask()
    xhr.answers(200, { 'content-type': type })
    xhr.brings('<h1>Log in</h1>')
    expect(heard).toEqual(['failed content'])
    expect(sentence(failures[0] as Failure)).toContain('instead of an event stream')
    expect(xhr.aborted).toBe(true)
  })

  test.each([204, 301, 400, 401, 403, 404, 413, 500])('with status %i is a failure that says so', code => {
    const { failures, heard, xhr } = ask()
    xhr.answers(code)
    expect(heard).toEqual(['failed status'])
    expect(failures[0]).toMatchObject({
      status: code,
      where: 'https://host.test/live',
    })
    expect(xhr.aborted).toBe(true)
  })

  test('tells when to come back', () => {
    const { failures, xhr } = ask()
    xhr.answers(503, { 'retry-after': '7' })
    expect(failures[0]?.retryAfter).toBe(7_000)
  })

  test('that never came is refused, one that broke off is cut', () => {
    const never = ask()
    never.xhr.breaks()
    expect(never.heard).toEqual(['failed refused'])
    FakeXhr.all = []
    const broken = ask()
    broken.xhr.answers()
    broken.xhr.brings('a')
    broken.xhr.breaks()
    expect(broken.heard).toEqual(['opened', 'a (1)', 'failed cut'])
  })

  test('that shows status 0 with its headers waits for the error that follows', () => {
    const { heard, xhr } = ask()
    xhr.answers(0, {})
    expect(heard).toEqual([])
    xhr.breaks()
    expect(heard).toEqual(['failed refused'])
  })

  test('never shows the query in a message: it may hold a token', () => {
    const { failures, xhr } = ask()
    xhr.breaks()
    expect(sentence(failures[0] as Failure)).not.toContain('secret')
  })
})

const headers = { Accept: 'text/event-stream', 'Cache-Control': 'no-cache' }

describe('after a network error', () => {
  test('asks once more without Cache-Control: a redirect to another origin dies on the preflight that it forces', () => {
    const { heard, xhr } = ask({ headers })
    xhr.breaks()
    expect(heard).toEqual([])
    const second = FakeXhr.all[1] as FakeXhr
    expect(second.sent).toEqual({ Accept: 'text/event-stream' })
    second.answers()
    second.ends()
    expect(heard).toEqual(['opened', 'done'])
  })

  test('asks no third time', () => {
    const { heard, xhr } = ask({ headers })
    xhr.breaks()
    FakeXhr.all[1]?.breaks()
    expect(heard).toEqual(['failed refused'])
    expect(FakeXhr.all).toHaveLength(2)
  })

  test('asks no second time where that header was not the trouble', () => {
    const { heard, xhr } = ask()
    xhr.breaks()
    expect(heard).toEqual(['failed refused'])
    expect(FakeXhr.all).toHaveLength(1)
  })

  test('never sends a body twice by itself', () => {
    const { heard, xhr } = ask({ headers, body: 'x' })
    xhr.breaks()
    expect(heard).toEqual(['failed refused'])
    expect(FakeXhr.all).toHaveLength(1)
  })

  test('can be stopped in the second try too', () => {
    const { abort, heard, xhr } = ask({ headers })
    xhr.breaks()
    abort()
    const second = FakeXhr.all[1] as FakeXhr
    expect(second.aborted).toBe(true)
    second.answers()
    expect(heard).toEqual([])
  })
})

describe('from another origin, a server that knows nothing of us', () => {
  const elsewhere = { base: 'https://page.test/' }

  /** Whether anybody is there, as a look without reading finds out. */
  function look(found: boolean) {
    let looks = 0
    const fetch = (async () => {
      looks++
      if (!found) throw new TypeError('Failed to fetch')
    }) as unknown as typeof globalThis.fetch
    return { environment: { ...elsewhere, fetch }, looks: () => looks }
  }

  const settle = () => new Promise(resolve => setImmediate(resolve))

  test('is asked without the header that forces a preflight, as EventSource does', () => {
    expect(ask({ dialect: plain, environment: elsewhere, headers }).xhr.sent).toEqual({
      Accept: 'text/event-stream',
    })
    FakeXhr.all = []
    expect(ask({ dialect: native, environment: elsewhere, headers }).xhr.sent).toEqual(headers)
  })

  test('that is there, but may not be read twice, is given up', async () => {
    const { environment, looks } = look(true)
    const { failures, heard, xhr } = ask({ dialect: plain, environment, headers })
    xhr.breaks()
    await settle()
    FakeXhr.all[1]?.breaks()
    await settle()
    expect(looks()).toBe(1)
    expect(heard).toEqual(['failed status'])
    expect(sentence(failures[0] as Failure)).toBe('https://host.test/live may not be read from this origin')
  })

  test('that is not there is refused, to be tried again later', async () => {
    const { environment } = look(false)
    const { heard, xhr } = ask({ dialect: plain, environment, headers })
    xhr.breaks()
    await settle()
    expect(heard).toEqual(['failed refused'])
    expect(FakeXhr.all).toHaveLength(1)
  })

  test('is asked no more once it is stopped', async () => {
    const { environment } = look(true)
    const { abort, heard, xhr } = ask({ dialect: plain, environment, headers })
    xhr.breaks()
    abort()
    await settle()
    expect(heard).toEqual([])
    expect(FakeXhr.all).toHaveLength(1)
  })
})

describe('what a server that knows nothing of us says to a POST', () => {
  test.each([200, 201, 202, 204])('is done with status %i, whatever its type and text', code => {
    const { heard, xhr } = ask({ dialect: plain, body: 'x' })
    xhr.answers(code, { 'content-type': 'text/html' })
    xhr.brings('<p>thanks')
    xhr.ends()
    expect(heard).toEqual(['done'])
  })

  test.each([301, 403, 500])('is a failure with status %i', code => {
    const { failures, xhr } = ask({ dialect: plain, body: 'x' })
    xhr.answers(code)
    expect(failures[0]).toMatchObject({ kind: 'status', status: code })
  })
})

test('where it came from after redirects is told', () => {
  const { heard, xhr } = ask()
  xhr.responseURL = 'https://elsewhere.test/live'
  xhr.answers()
  expect(heard).toEqual(['opened at https://elsewhere.test/live'])
})

test('a request that the browser stops says so', () => {
  const { heard, xhr } = ask()
  xhr.answers()
  xhr.onabort?.()
  expect(heard).toEqual(['opened', 'failed stopped'])
})

describe('a navigation that the page survives', () => {
  test('shows a request that Firefox ended without a word: it was cut', async () => {
    const { heard, world, xhr } = ask()
    xhr.answers()
    await world.fire('beforeunload')
    xhr.readyState = 0
    await world.pass(2_000)
    expect(heard.at(-1)).toBe('failed cut')
    expect([world.timers, world.listeners]).toEqual([0, 0])
  })

  test('says nothing against a request that goes on', async () => {
    const { heard, world, xhr } = ask()
    xhr.answers()
    await world.fire('beforeunload')
    await world.pass(10_000)
    xhr.brings('data: x\n\n')
    expect(heard.at(-1)).toMatch(/^data: x/)
  })
})

test('stopping it is the last thing heard', () => {
  const { abort, heard, xhr } = ask()
  xhr.answers()
  abort()
  xhr.brings('late')
  xhr.ends()
  expect(xhr.aborted).toBe(true)
  expect(heard).toEqual(['opened'])
})

describe('Retry-After', () => {
  test.each([
    ['7', 7_000],
    [' 30 ', 30_000],
    ['1, 1', 1_000],
    ['1,', 1_000],
    [', 2, 120', 120_000],
    ['soon, 5', 5_000],
    ['1000000000', 600_000],
    ['99999999999999999999', 600_000],
  ])('%j is %i ms', (value, expected) => {
    expect(readRetryAfter(value)).toBe(expected)
  })

  test('may be a date', () => {
    const wait = readRetryAfter(new Date(Date.now() + 60_000).toUTCString()) as number
    expect(wait).toBeGreaterThan(55_000)
    expect(wait).toBeLessThanOrEqual(60_000)
    const date = new Date(Date.now() + 60_000).toUTCString()
    expect(readRetryAfter(`${date}, ${date}`)).toBeGreaterThan(55_000)
  })

  test.each([
    null,
    '',
    '0',
    '-5',
    '7.5',
    '5s',
    'soon',
    'abc 5',
    '1e9',
    'Wed, 21 Oct 2015 07:28:00 GMT',
    'GMT',
  ])('%j says nothing', value => {
    expect(readRetryAfter(value)).toBeUndefined()
  })
})
