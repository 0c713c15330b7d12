import { JSDOM } from 'jsdom'
import { describe, expect, test } from 'vitest'
import type { Dialect } from '../../src/contracts/dialect.ts'
import type { Failure } from '../../src/contracts/failure.ts'
import type { Target } from '../../src/contracts/transport.ts'
import { native } from '../../src/dialects/native.ts'
import { jsonp } from '../../src/transports/jsonp.ts'
import { encode } from '../../src/wire/encoder.ts'
import { sentence } from '../../src/words.ts'
import { madeBy, vary } from '../support/dialects.ts'
import { createWorld } from '../support/world.ts'

type Fetch = (
  url: string,
  init: RequestInit,
) => Promise<{ ok: boolean; status: number; type: string; headers: Headers }>

/** A channel in a document that loads nothing: the test answers each script tag itself. */
function start({
  html = '',
  dialect = native as Dialect,
  fetch = undefined as Fetch | undefined,
  loading = false,
  url = 'https://page.test/',
  crossOrigin = true,
} = {}) {
  const dom = new JSDOM(html, { url })
  const readyState = () => (loading ? 'interactive' : 'complete')
  Object.defineProperty(dom.window.document, 'readyState', { get: readyState })
  const page = dom.window as unknown as Record<string, (answer: unknown) => void>
  const world = createWorld({ document: dom.window.document, fetch: fetch as never })
  const heard: string[] = []
  const failures: Failure[] = []
  let taken = 0
  const target: Target = {
    dialect,
    environment: world.environment,
    origin: world.origin,
    pathname: '/live',
    attempts: [],
    withCredentials: false,
    jsonp: crossOrigin ? 'cross-origin' : undefined,
    timeout: 10_000,
    taken: () => taken,
    positioned: () => false,
    names: () => () => {},
    reader: (by, previous) => dialect.framing.reader(by, previous),
    buildRequest: (by, details) =>
      dialect.addressing.buildRequest({
        ...details,
        ...madeBy(by),
        url: new URL('https://host.test/live?token=secret'),
        headers: {},
        token: undefined,
        position: { cursor: 'e.1.t1', session: 's1' },
        nonce: 'x',
        line: 'l1ne',
      }),
  }
  const channel = jsonp.open(target, {
    opened: () => heard.push('opened jsonp'),
    blocks: blocks => {
      taken += blocks.length
      heard.push(`blocks ${blocks.map(({ data }) => data)}`)
    },
    paused: () => heard.push('paused'),
    ended: failure => {
      failures.push(failure)
      heard.push(`ended ${failure.kind}`)
    },
  })
  const script = () => dom.window.document.querySelector('head script[src]') as HTMLScriptElement
  const query = () => Object.fromEntries(new URL(script().src).searchParams)
  return {
    dom,
    world,
    heard,
    failures,
    channel,
    target,
    script,
    query,
    async loads() {
      loading = false
      await world.fire('load')
    },
    /** The script that is waited for runs, and calls back with this. */
    answers(answer: unknown) {
      page[query()['rt.cb'] as string]?.(answer)
    },
    /** What it leaves in the page. */
    left: () => ({
      scripts: dom.window.document.querySelectorAll('script[src]').length,
      callbacks: Object.keys(page).filter(name => name.startsWith('_rt')).length,
      timers: world.timers,
      listeners: world.listeners,
    }),
  }
}

const nothing = { scripts: 0, callbacks: 0, timers: 0, listeners: 0 }
const block = encode({ id: 'e.2.t2', data: 'hi' })

/** The slices of a body, each answered as it comes. */
function slicesOf(text: string): { up: string; at: number; of: number; url: string }[] {
  const { channel, answers, query, script } = start()
  answers(block)
  const slices: ReturnType<typeof slicesOf> = []
  let settled = false
  channel.send?.(text, () => {
    settled = true
  })
  while (!settled) {
    const { 'rt.up': up = '', 'rt.at': at, 'rt.of': of } = query()
    slices.push({ up, at: Number(at), of: Number(of), url: script().src })
    answers('event: rt.ack\ndata: 0\n\n')
  }
  return slices
}

describe('polling', () => {
  test('asks by a script tag whose address names a function that is there', () => {
    const { query, left } = start()
    expect(query()).toMatchObject({ 'rt.via': 'jsonp', 'rt.n': '0', 'rt.id': 'e.1.t1' })
    expect(query()['rt.cb']).toMatch(/^_rt[0-9a-z]{1,32}$/)
    expect(left()).toEqual({ scripts: 1, callbacks: 1, timers: 1, listeners: 0 })
  })

  test('takes tag and function away when the answer came, and asks again', async () => {
    const { answers, heard, left, query, world } = start()
    const first = query()['rt.cb']
    answers(block)
    expect(heard).toEqual(['opened jsonp', 'blocks hi'])
    expect(left()).toMatchObject({ scripts: 0, callbacks: 0 })
    await world.pass(0)
    expect(query()['rt.n']).toBe('1')
    expect(query()['rt.cb']).not.toBe(first)
  })

  test('waits a second after an answer that brought nothing at once', async () => {
    const { answers, left, world } = start()
    answers(': nothing\n\n')
    await world.pass(999)
    expect(left().scripts).toBe(0)
    await world.pass(1)
    expect(left().scripts).toBe(1)
  })

  test('says opened once, whatever follows', async () => {
    const { answers, heard, world } = start()
    answers(block)
    await world.pass(0)
    answers(block)
    expect(heard).toEqual(['opened jsonp', 'blocks hi', 'blocks hi'])
  })

  test('carries the nonce that the page gives to its scripts', () => {
    const { script } = start({ html: '<script nonce="abc">1</script>' })
    expect(script().nonce).toBe('abc')
  })
})

describe('while the page loads', () => {
  test('the first poll goes at once, and the next one from a timer after load', async () => {
    const { answers, left, loads, query, world } = start({ loading: true })
    expect(left().scripts).toBe(1)
    answers(block)
    await world.pass(5_000)
    expect(left().scripts).toBe(0)
    await loads()
    await world.pass(99)
    expect(left().scripts).toBe(0)
    await world.pass(1)
    expect(query()['rt.n']).toBe('1')
    expect(left()).toMatchObject({ timers: 1, listeners: 0 })
  })

  test('each further poll leaves ten seconds of room for a load that something else holds back', async () => {
    const { answers, left, query, world } = start({ loading: true })
    answers(block)
    for (const turn of ['1', '2']) {
      await world.pass(9_999)
      expect(left().scripts).toBe(0)
      await world.pass(1)
      expect(query()['rt.n']).toBe(turn)
      answers(`${block}: ${turn}\n\n`)
    }
  })

  test('each part of a message leaves a second of room', async () => {
    const { answers, left, channel, query, world } = start({ loading: true })
    answers(block)
    const outcomes: unknown[] = []
    channel.send?.('x'.repeat(3_000), failure => outcomes.push(failure))
    for (const at of ['0', '2000']) {
      expect(left().scripts).toBe(0)
      await world.pass(1_000)
      expect(query()['rt.at']).toBe(at)
      answers(encode({ event: 'rt.ack', data: '1' }))
    }
    expect(outcomes).toEqual([undefined])
  })

  test('close leaves nothing of what waits for it', () => {
    const { answers, left, channel } = start({ loading: true })
    answers(block)
    channel.send?.('x', () => {})
    channel.close()
    expect(left()).toEqual(nothing)
  })
})

describe('failing', () => {
  test.each<[string, (stage: ReturnType<typeof start>) => unknown, RegExp]>([
    [
      'could not be loaded',
      ({ script }) => script().onerror?.('error'),
      /^https:\/\/host\.test\/live could not be reached$/,
    ],
    [
      'did not call back',
      ({ script, dom }) => script().onload?.(new dom.window.Event('load')),
      /did not call back/,
    ],
    ['called back without text', ({ answers }) => answers({ a: 1 }), /called back without text/],
    ['did not come', ({ world }) => world.pass(10_000), /did not come/],
  ])('a script that %s ends the channel and leaves nothing', async (_, fail, message) => {
    const stage = start()
    await fail(stage)
    expect(stage.heard).toEqual(['ended refused'])
    expect(sentence(stage.failures[0] as Failure)).toMatch(message)
    expect(stage.left()).toEqual(nothing)
  })

  test('a poll that is held may take 40 seconds', async () => {
    const { answers, heard, world } = start()
    answers(block)
    await world.pass(39_999)
    expect(heard).toHaveLength(2)
    await world.pass(1)
    expect(heard.at(-1)).toBe('ended refused')
  })

  test('a refusal is read from the block that tells it, and is never handed on', () => {
    const { answers, failures, heard, left } = start()
    answers(encode({ event: 'rt.fail', data: '{"status":403}' }))
    expect(heard).toEqual(['opened jsonp', 'ended status'])
    expect(failures[0]?.status).toBe(403)
    expect(left()).toEqual(nothing)
  })

  test('a refusal whose words cannot be read ends the channel too', () => {
    const { answers, heard, left } = start()
    answers(encode({ event: 'rt.fail', data: '<html>' }))
    expect(heard.at(-1)).toBe('ended status')
    expect(left()).toEqual(nothing)
  })
})

describe('sending', () => {
  test('goes by another script tag, whose answer is heard like everything else', () => {
    const { answers, heard, channel, query } = start()
    answers(block)
    const outcomes: unknown[] = []
    channel.send?.('id: 1\ndata: 한\n\n', failure => outcomes.push(failure))
    expect(query()).toMatchObject({
      'rt.via': 'jsonp',
      'rt.up': 'id: 1\ndata: 한\n\n',
      'rt.at': '0',
      'rt.of': '15',
    })
    answers(encode({ event: 'rt.ack', data: '1' }))
    expect(outcomes).toEqual([undefined])
    expect(heard.at(-1)).toBe('blocks 1')
  })

  test('says why it was not taken', () => {
    const { answers, channel } = start()
    answers(block)
    const outcomes: (Failure | undefined)[] = []
    channel.send?.('x', failure => outcomes.push(failure))
    answers(encode({ event: 'rt.fail', data: '{"status":413}' }))
    expect(outcomes).toMatchObject([{ status: 413 }])
  })

  test('that gets no answer fails, and the polls go on', async () => {
    const { answers, heard, channel, script } = start()
    answers(block)
    const outcomes: (Failure | undefined)[] = []
    channel.send?.('x', failure => outcomes.push(failure))
    script().onerror?.('error')
    expect(outcomes).toMatchObject([{ kind: 'refused' }])
    expect(heard).not.toContain('ended refused')
  })

  test('a short body goes in one slice', () => {
    expect(slicesOf('hello')).toMatchObject([{ up: 'hello', at: 0, of: 5 }])
  })

  test('a long one is cut so that no slice is longer than 2,000 characters of URL-encoded text', () => {
    const text = '한글 & "quotes"\r\n'.repeat(400)
    const slices = slicesOf(text)
    expect(slices.map(({ up }) => up).join('')).toBe(text)
    let at = 0
    for (const slice of slices) {
      expect(slice).toMatchObject({ at, of: text.length })
      expect(encodeURIComponent(slice.up).length).toBeLessThanOrEqual(2_000)
      at += slice.up.length
    }
    expect(slices.length).toBeLessThan(40)
  })

  test('no surrogate pair is torn apart', () => {
    const slices = slicesOf('x'.repeat(1_990) + '𝄞'.repeat(400))
    for (const { up } of slices) expect(() => encodeURIComponent(up)).not.toThrow()
    expect(slices.map(({ up }) => up).join('')).toBe('x'.repeat(1_990) + '𝄞'.repeat(400))
  })
})

describe('sending to a server that does not number', () => {
  const dialect = vary(native, { sending: { acknowledges: false } })

  async function send(status: number, type: string) {
    const asked: (RequestInit & { url: string })[] = []
    const { channel } = start({
      dialect,
      async fetch(url, init) {
        asked.push({ url, ...init })
        return { ok: status === 200, status, type, headers: new Headers() }
      },
    })
    const failure = await new Promise<Failure | undefined>(resolve => channel.send?.('x', resolve))
    return { asked, failure }
  }

  test('goes by one POST that needs nobody’s leave', async () => {
    const { asked, failure } = await send(0, 'opaque')
    expect(asked).toMatchObject([{ method: 'POST', mode: 'no-cors', body: 'x' }])
    expect(new URL(asked[0]?.url ?? '').searchParams.get('rt.via')).toBe('post')
    expect(failure).toBeUndefined()
  })

  test('says why it was not taken, where the page may know', async () => {
    expect((await send(200, 'basic')).failure).toBeUndefined()
    expect((await send(404, 'basic')).failure).toMatchObject({ kind: 'status', status: 404 })
  })
})

describe('close', () => {
  test('while a poll waits leaves no tag, function or timer, and nothing is heard of a script that comes late', () => {
    const { answers, heard, left, channel, query, dom } = start()
    const { 'rt.cb': callback = '' } = query()
    answers(block)
    channel.close()
    channel.close()
    expect(left()).toEqual(nothing)
    expect(callback in dom.window).toBe(false)
    expect(heard).toEqual(['opened jsonp', 'blocks hi'])
  })

  test('while a message is on its way leaves nothing', () => {
    const { answers, left, channel } = start()
    answers(block)
    const outcomes: unknown[] = []
    channel.send?.('x'.repeat(5_000), failure => outcomes.push(failure))
    channel.close()
    expect(left()).toEqual(nothing)
    expect(outcomes).toEqual([])
  })

  test('while blocks are heard asks no more', async () => {
    const { answers, heard, left, channel, target, world } = start()
    channel.close()
    const again = jsonp.open(target, {
      opened: () => heard.push('opened'),
      blocks: () => again.close(),
      paused() {},
      ended: () => heard.push('ended'),
    })
    answers(block)
    await world.pass(60_000)
    expect(heard).toEqual(['opened'])
    expect(left()).toEqual(nothing)
  })
})

describe('where it goes', () => {
  const scripts = (dom: JSDOM) => dom.window.document.querySelectorAll('script[src]').length

  test.each([
    'https://page.test/',
    'https://sub.host.test/',
    'http://host.test/',
    'https://host.test:8443/',
    'about:blank',
  ])('is not to another origin than that of %s, and it says so', async url => {
    const { dom, failures } = start({ url, crossOrigin: false })
    await Promise.resolve()
    expect(scripts(dom)).toBe(0)
    expect(failures).toEqual([{ kind: 'unsupported', code: 'script-origin', where: 'https://host.test' }])
  })

  test('is to the origin of the page, whatever its base is', () => {
    const html = '<base href="https://elsewhere.test/">'
    expect(scripts(start({ html, url: 'https://host.test/x', crossOrigin: false }).dom)).toBe(1)
  })

  test('is to another where the page allows it, which then is told whose page it is', () => {
    const { dom, script } = start()
    expect(scripts(dom)).toBe(1)
    expect(script().getAttribute('referrerpolicy') ?? script().referrerPolicy).toBe('origin')
  })
})

describe('support', () => {
  test('needs a document', () => {
    const { target } = start()
    expect(jsonp.supports(target)).toBe(true)
    const without = { ...target.environment, document: undefined }
    expect(jsonp.supports({ ...target, environment: without })).toBe(false)
  })
})
