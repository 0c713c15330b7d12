/** WHATWG HTML 9.2.2: the object that a page holds, from its constructor to its end. */
import type { Engine } from '../fixtures/engines.ts'
import { expect, type TestPage, test } from '../fixtures/test.ts'
import { type Case, expectCases, type PipeName, sources } from './cases.ts'
import { type Stand, startStand } from './stand.ts'

/** What these tests use of a line, which is what EventSource has. */
interface Source extends EventTarget {
  readonly url: string
  readonly readyState: number
  readonly withCredentials: boolean
  readonly CONNECTING: number
  readonly OPEN: number
  readonly CLOSED: number
  onopen: ((event: Event) => void) | null
  onmessage: ((event: MessageEvent) => void) | null
  onerror: ((event: Event) => void) | null
  close(): void
}

declare const connectPlain: (url: unknown, channel: string, options?: object) => Source
declare const Throughline: { Line: { prototype: object } }
declare const DropIn: { EventSource: { prototype: object } }

interface Given {
  channel: PipeName
  url: string
}

const pause = 300

for (const channel of sources) {
  test(`${channel} is constructed as an EventSource is`, async ({ openPage }) => {
    await using place = await openPlace(openPage)
    await place.step('takes the URLs that EventSource takes', async () => {
      const { url } = place.stand.serve([{ after: 'hold' }])
      const here = place.stand.site.url
      expect(await place.page.evaluate(resolveAll, { channel, url })).toEqual({
        relative: `${here}/conformance/es`,
        rooted: `${here}/es`,
        query: `${here}/conformance/recorder.html?x=1`,
        absolute: `${url}#part`,
        object: url,
        stringified: `${here}/conformance/es/2`,
        '1': `${here}/conformance/1`,
        null: `${here}/conformance/null`,
        undefined: `${here}/conformance/undefined`,
        empty: `${here}/conformance/recorder.html`,
        based: `${here}/elsewhere/es`,
        domain: 'http://xn--lve-6lad.example/%C3%A9?%C3%A9',
      })
      expect(await place.page.evaluate(constructBadly, { channel, url })).toEqual({
        names: ['SyntaxError', 'SyntaxError', 'SyntaxError'],
        codes: [12, 12, 12],
        areDOMExceptions: [true, true, true],
      })
    })
    await place.step('fails for URLs that cannot be fetched, by an event', async () => {
      const urls = [
        'ftp://example.not/',
        'about:blank',
        'mailto:nobody@example.not',
        "javascript:alert('no')",
      ]
      for (const url of urls) {
        const heard = await place.page.evaluate(firstError, { channel, url })
        expect(heard, url).toEqual({
          atOnce: 0,
          readyState: 2,
          type: 'error',
          data: false,
          bubbles: false,
          cancelable: false,
        })
      }
    })
    await place.step('has what an EventSource has', async () => {
      const { url } = place.stand.serve([{ after: 'hold' }])
      expect(await place.page.evaluate(inspect, { channel, url })).toEqual({
        constants: [
          [0, 1, 2],
          [0, 1, 2],
          [0, 1, 2],
        ],
        constant: 0,
        handlers: [null, null, null],
        noHandler: null,
        credentials: [false, false, true],
        url,
        readyState: 0,
        isEventTarget: true,
        extended: 'reached',
      })
    })
    await place.step('works for a page of another window', async () => {
      place.stand.serve([{ body: 'data: a\n\n', after: 'hold' }])
      expect(
        await place.page.evaluate(connectInFrame, { channel, url: '/conformance/deep/frame.html' }),
      ).toEqual({
        url: `${place.stand.site.url}/conformance/deep/es`,
        ofTheFrame: true,
      })
    })
  })

  test(`${channel} says what an EventSource says`, async ({ openPage }) => {
    await using place = await openPlace(openPage)
    await place.step('dispatches the events that EventSource does', async () => {
      const served = place.stand.serve([
        { body: 'retry: 1\nid: 7\ndata: a\n\nevent: test\ndata: b\n\n' },
        { after: 'hold', body: ':\n\n' },
      ])
      const common = { bubbles: false, cancelable: false, target: true, kind: 'Event', data: false }
      const told = { ...common, kind: 'MessageEvent', data: true }
      const sent = { ...told, origin: place.stand.site.url, lastEventId: '7', source: null, ports: 0 }
      expect(await place.page.evaluate(eventFields, { channel, url: served.url })).toEqual([
        { type: 'open', readyState: 1, ...common },
        { type: 'message', readyState: 1, ...sent },
        { type: 'test', readyState: 1, ...sent },
        { type: 'error', readyState: 0, ...common },
        { type: 'open', readyState: 1, ...common },
      ])
    })
    await place.step('tells the origin that a message came from, after redirects', async () => {
      const away = place.stand.serveAway([{ body: 'data: a\n\n', after: 'hold' }])
      const direct = await place.page.evaluate(firstOrigin, { channel, url: away.url })
      expect(direct).toBe(new URL(away.url).origin)
      const moved = place.stand.serve([{ status: 302, type: null, headers: { Location: away.url } }])
      expect(await place.page.evaluate(firstOrigin, { channel, url: moved.url })).toBe(direct)
    })
    await place.step('calls handlers as EventSource does', async () => {
      const { url } = place.stand.serve([{ body: 'data: a\n\ndata: b\n\n', after: 'hold' }])
      expect(await place.page.evaluate(callHandlers, { channel, url })).toEqual([
        'first',
        'second, as set later, on the line',
        'handleEvent',
        'once',
        'reported: thrown by a listener',
        'b: second, as set later, on the line',
      ])
    })
    await place.step('takes events named like its own as events', async () => {
      const { url } = place.stand.serve([
        {
          body: 'event: error\ndata: a\n\nevent: open\ndata: b\n\nevent: close\ndata: c\n\ndata: d\n\n',
          after: 'hold',
        },
      ])
      expect(await place.page.evaluate(hearNamesakes, { channel, url })).toEqual([
        'open: undefined',
        'onopen: undefined',
        'error: a',
        'onerror: a',
        'open: b',
        'onopen: b',
        'close: c',
        'message: d',
        '1',
      ])
    })
  })

  test(`${channel} comes and goes as an EventSource does`, async ({ openPage, browserName }) => {
    await using place = await openPlace(openPage)
    await place.step('is quiet after close(), whenever that is', async () => {
      const { url } = place.stand.serve([{ body: 'retry: 1\ndata: a\n\ndata: b\n\n' }])
      const run = (when: string) => place.page.evaluate(closeWhen, { channel, url, when, pause })
      expect(await run('at once')).toEqual(['2'])
      expect(await run('open')).toEqual(['open', '2'])
      expect(await run('message')).toEqual(['open', 'message a', '2'])
      expect(await run('error')).toEqual(['open', 'message a', 'message b', 'error', '2'])
      expect(await run('twice')).toEqual(['open', '2'])
    })
    await place.step('stops asking when it is closed', async () => {
      const served = place.stand.serve([{ body: 'retry: 1\n\n' }])
      await place.page.evaluate(closeWhen, { channel, url: served.url, when: 'error', pause: 0 })
      const before = served.asked.length
      await place.page.evaluate(wait => new Promise(resolve => setTimeout(resolve, wait)), pause)
      expect(served.asked.length).toBe(before)
    })
    await place.step('ends when the browser is told to stop loading', async () => {
      const { url } = place.stand.serve([{ body: ['', ':'], after: 'hold' }])
      for (const early of [true, false]) {
        const heard = await place.page.evaluate(stopLoading, { channel, url, pause, early })
        // What an EventSource does then is each browser's own affair.
        if (channel === 'eventsource') continue
        // No browser's fetch tells that it was stopped from a network that failed.
        const isXhr = channel === 'long-polling'
        expect(heard).toEqual(isXhr ? ['error 2', '2'] : ['error 0', '0'])
      }
    })
    await place.step('waits as long as `retry` says before it asks again', async () => {
      const odd = ['10x', '-1', '1e1', '1.5', '１'].map(bogus => `retry: ${bogus}\n`).join('')
      const spaced = 'retry:\nretry\nretry: +1\nretry:  1\n'
      const bodies = [
        'retry: 2500\ndata: a\n\n',
        `retry: 02500\n${odd}`,
        'retry: 1\n',
        'retry: 9007199254740993\n',
      ]
      if (channel !== 'eventsource') bodies.push(`retry: 2500\n${spaced}`)
      const [told, bogus, soon, never, empty] = await Promise.all(
        bodies.map((body, nth) => timeline(place, channel, body, nth === 3 ? 3_500 : undefined)),
      )
      const late = ['error', 'timer', 'open']
      expect(told).toEqual(late)
      expect(bogus).toEqual(late)
      expect(soon).toEqual(['error', 'open', 'timer'])
      // Firefox's own EventSource takes a time that no timer can hold for none at all; what an empty `retry` is to an
      // EventSource is different in each browser.
      if (channel !== 'eventsource' || browserName !== 'firefox')
        expect(never).toEqual(['error', 'timer', 'neither'])
      if (channel !== 'eventsource') expect(empty).toEqual(late)
    })
  })

  test(`${channel} works in workers`, async ({ openPage, browserName }) => {
    await using place = await openPlace(openPage)
    await place.step('works in a worker', async () => {
      const { stand, page } = place
      const run = { stand, page, channel, engine: browserName as Engine }
      await expectCases(inWorkers, { ...run, where: 'Worker' })
    })
    await place.step('works in a shared worker', async () => {
      const { stand, page } = place
      const run = { stand, page, channel, engine: browserName as Engine }
      await expectCases(inWorkers, { ...run, where: 'SharedWorker' })
    })
  })
}

/** A page of its own, loaded afresh for each step. */
async function openPlace(openPage: () => Promise<TestPage>) {
  const [stand, page] = await Promise.all([startStand(), openPage()])
  return {
    stand,
    page,
    step: (sentence: string, act: () => Promise<void>) =>
      test.step(sentence, async () => {
        await page.goto(stand.page)
        await act()
      }),
    [Symbol.asyncDispose]: () => stand[Symbol.asyncDispose](),
  }
}

const inWorkers: Case[] = [
  {
    name: 'hears and reconnects',
    script: [{ body: 'retry: 1\nid: 1\ndata: a\n\nevent: test\ndata: b\n\n' }, { body: 'data: c\n\n' }],
    names: ['test'],
    hears: ['open', 'message a #1', 'test b #1', 'error 0', 'open', 'message c #1'],
    asked: ({ asked }) => expect.soft(asked[1]?.headers['last-event-id']).toBe('1'),
  },
  { name: 'ends at a 404', script: [{ status: 404 }], hears: ['error 2'] },
  {
    name: 'reads from another origin',
    script: [{ body: 'data: a\n\n' }],
    away: 'any',
    hears: ['open', 'message a'],
  },
]

// What runs in the page:

function resolveAll({ channel, url }: Given): Record<string, string> {
  const resolve = (address: unknown) => {
    const source = connectPlain(address, channel)
    source.close()
    return source.url
  }
  const resolved: Record<string, string> = {
    relative: resolve('es'),
    rooted: resolve('/es'),
    query: resolve('?x=1'),
    absolute: resolve(`${url}#part`),
    object: resolve(new URL(url)),
    stringified: resolve({ toString: () => 'es/2' }),
    1: resolve(1),
    null: resolve(null),
    undefined: resolve(undefined),
    empty: resolve(''),
    domain: resolve('http://élève.example/é?é'),
  }
  const base = document.head.appendChild(document.createElement('base'))
  base.href = '/elsewhere/'
  resolved.based = resolve('es')
  base.remove()
  return resolved
}

function constructBadly({ channel }: Given) {
  const errors = ['http://[', 'http://:80:80/', 'http://a<b/'].map(url => {
    try {
      return void connectPlain(url, channel).close()
    } catch (error) {
      return error as DOMException
    }
  })
  return {
    names: errors.map(error => error?.name),
    codes: errors.map(error => error?.code),
    areDOMExceptions: errors.map(error => error?.constructor === DOMException),
  }
}

function firstError({ channel, url }: Given) {
  return new Promise(resolve => {
    const source = connectPlain(url, channel)
    const atOnce = source.readyState
    source.onerror = event => {
      const { type, bubbles, cancelable } = event
      resolve({ atOnce, readyState: source.readyState, type, data: 'data' in event, bubbles, cancelable })
      source.close()
    }
  })
}

function inspect({ channel, url }: Given) {
  const Line = channel === 'drop-in' ? DropIn.EventSource : Throughline.Line
  Object.assign(Line.prototype, { extension: () => 'reached' })
  const source = connectPlain(url, channel)
  const constants = [Line, Line.prototype, source].map(each => {
    const { CONNECTING, OPEN, CLOSED } = each as Source
    return [CONNECTING, OPEN, CLOSED]
  })
  try {
    Object.assign(source, { CONNECTING: 5 })
  } catch {
    // Constants are not for writing, and in strict code that throws.
  }
  const handlers = [source.onopen, source.onmessage, source.onerror]
  source.onopen = () => {}
  source.onopen = 1 as never
  const credentials = [{}, { withCredentials: false }, { withCredentials: true }].map(options => {
    const other = connectPlain(url, channel, options)
    other.close()
    return other.withCredentials
  })
  const { readyState } = source
  source.close()
  return {
    constants,
    constant: source.CONNECTING,
    handlers,
    noHandler: source.onopen,
    credentials,
    url: source.url,
    readyState,
    isEventTarget: source instanceof EventTarget,
    extended: (source as unknown as { extension(): string }).extension(),
  }
}

function closeWhen({
  channel,
  url,
  when,
  pause,
}: Given & { when: string; pause: number }): Promise<string[]> {
  const heard: string[] = []
  const source = connectPlain(url, channel)
  return new Promise(resolve => {
    const note = (words: string, type: string) => {
      heard.push(words)
      if (type === when || (when === 'twice' && type === 'open')) finish()
    }
    const finish = () => {
      source.close()
      heard.push(`${source.readyState}`)
      if (when === 'twice') source.close()
      setTimeout(() => resolve(heard), pause)
    }
    source.onopen = () => note('open', 'open')
    source.onmessage = ({ data }) => note(`message ${data}`, 'message')
    source.onerror = () => note('error', 'error')
    if (when === 'at once') finish()
  })
}

function eventFields({ channel, url }: Given): Promise<object[]> {
  const heard: object[] = []
  const source = connectPlain(url, channel)
  return new Promise(resolve => {
    const note = (event: Event) => {
      const { type, bubbles, cancelable, target } = event
      const fields = { type, readyState: source.readyState, bubbles, cancelable, target: target === source }
      const data = 'data' in event
      const kind = data ? MessageEvent.name : Event.name
      const ofItsKind = Object.getPrototypeOf(event).constructor.name === kind
      const { origin, lastEventId, source: from, ports } = event as MessageEvent
      const sent = data ? { origin, lastEventId, source: from, ports: ports.length } : {}
      heard.push({ ...fields, ...sent, data, kind: ofItsKind && kind })
      if (heard.length < 5) return
      source.close()
      resolve(heard)
    }
    for (const type of ['open', 'message', 'test', 'error']) source.addEventListener(type, note)
  })
}

function firstOrigin({ channel, url }: Given): Promise<string> {
  const source = connectPlain(url, channel)
  return new Promise(resolve => {
    source.onmessage = event => {
      source.close()
      resolve(event.origin)
    }
  })
}

function callHandlers({ channel, url }: Given): Promise<string[]> {
  const heard: string[] = []
  const source = connectPlain(url, channel)
  const note = (words: string) => heard.push(words)
  const unwanted = () => note('unwanted')
  source.addEventListener('message', event => {
    if ((event as MessageEvent).data === 'a') note('first')
  })
  source.onmessage = unwanted
  source.addEventListener('message', unwanted)
  source.removeEventListener('message', unwanted)
  source.addEventListener('message', {
    handleEvent: event => void ((event as MessageEvent).data === 'a' && note('handleEvent')),
  })
  source.addEventListener('message', () => note('once'), { once: true })
  source.addEventListener('message', event => {
    if ((event as MessageEvent).data === 'a') throw new Error('thrown by a listener')
  })
  source.onmessage = function (this: Source, { data }) {
    const where = this === source ? 'on the line' : 'elsewhere'
    note(`${data === 'a' ? '' : 'b: '}second, as set later, ${where}`)
  }
  window.addEventListener('error', event => {
    event.preventDefault()
    note(`reported: ${event.error.message}`)
  })
  return new Promise(resolve => {
    source.addEventListener('message', event => {
      if ((event as MessageEvent).data === 'a') return
      source.close()
      resolve(heard)
    })
  })
}

function hearNamesakes({ channel, url }: Given): Promise<string[]> {
  const heard: string[] = []
  const source = connectPlain(url, channel)
  const note = (name: string) => (event: Event) => void heard.push(`${name}: ${(event as MessageEvent).data}`)
  for (const name of ['error', 'open', 'close']) source.addEventListener(name, note(name))
  source.onopen = note('onopen')
  source.onerror = note('onerror')
  return new Promise(resolve => {
    source.onmessage = event => {
      note('message')(event)
      heard.push(`${source.readyState}`)
      resolve([...heard])
      source.close()
    }
  })
}

/** What comes first after a stream has ended: the next request's opening, or the page's own timers. */
/** What comes first after an answer: the next one, or 1.5 s; and what then, or `neither` within `limit` ms. */
async function timeline(
  { stand, page }: { stand: Stand; page: TestPage },
  channel: PipeName,
  body: string,
  limit?: number,
) {
  const { url } = stand.serve([{ body }, { body: ':\n\n', after: 'hold' }])
  return page.evaluate(raceRetry, { channel, url, limit })
}

function raceRetry({ channel, url, limit }: Given & { limit: number | undefined }): Promise<string[]> {
  const heard: string[] = []
  const source = connectPlain(url, channel)
  return new Promise(resolve => {
    const note = (words: string) => {
      heard.push(words)
      if (heard.length < 3) return
      source.close()
      resolve(heard)
    }
    source.onerror = () => {
      source.onopen = () => note('open')
      setTimeout(() => note('timer'), 1_500)
      if (limit) setTimeout(() => note('neither'), limit)
      note('error')
    }
  })
}

function stopLoading({
  channel,
  url,
  pause,
  early,
}: Given & { pause: number; early: boolean }): Promise<string[]> {
  const heard: string[] = []
  const source = connectPlain(url, channel)
  source.onerror = () => heard.push(`error ${source.readyState}`)
  return new Promise(resolve => {
    const stop = () => {
      window.stop()
      setTimeout(() => {
        resolve([...heard, `${source.readyState}`])
        source.close()
      }, pause)
    }
    if (early) setTimeout(stop)
    else source.onopen = stop
  })
}

async function connectInFrame({ channel, url }: Given) {
  const frame = document.body.appendChild(document.createElement('iframe'))
  frame.srcdoc = `<base href="${url}"><script src="/dist/throughline.js"></script><script src="/conformance/drop-in.js"></script>`
  await new Promise(resolve => {
    frame.onload = resolve
  })
  const inside = frame.contentWindow as unknown as {
    Throughline: { connect(url: string, options: object): Source; plainWith(options: object): object }
    DropIn: { EventSource: new (url: string) => Source }
    EventTarget: typeof EventTarget
  }
  const source =
    channel === 'drop-in'
      ? new inside.DropIn.EventSource('es')
      : inside.Throughline.connect('es', {
          dialect: inside.Throughline.plainWith({ letter: true }),
          transports: [channel],
        })
  source.close()
  return { url: source.url, ofTheFrame: source instanceof inside.EventTarget }
}
