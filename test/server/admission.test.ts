/** New lines come in at the rate that the option `admission` names, whatever their number. */
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { startClient } from '../../bench/drain/clients.ts'
import {
  adapted,
  type Bucket,
  bucketOf,
  createAdmission,
  entered,
  least,
  most,
  usual,
} from '../../server/http/admission.ts'
import { type AuthorizeRequest, createHub, memoryLog } from '../../server/index.ts'
import { connect, longPolling, native, race, websocket } from '../../src/core.ts'
import { fetchStreaming } from '../../src/transports/fetch-streaming.ts'
import {
  address,
  ask,
  called,
  channels,
  listen,
  message,
  parse,
  post,
  type Stand,
  stand,
  stopTime,
  until,
  type Via,
  wait,
} from './harness.ts'

/** The most that came within any second. */
function peakOf(times: readonly number[]): number {
  const sorted = times.toSorted((one, other) => one - other)
  let first = 0
  return sorted.reduce((peak, time, at) => {
    while ((sorted[first] as number) <= time - 1_000) first++
    return Math.max(peak, at + 1 - first)
  }, 0)
}

/** Later polls are authorized too. */
function isNew({ url }: AuthorizeRequest): boolean {
  return !Number(url.searchParams.get('rt.n'))
}

describe('the bucket', () => {
  /** Comes at these times, and gives what each was told. */
  const come = (bucket: Bucket, times: readonly number[], random = 0) =>
    times.map(now => {
      const next = entered(bucket, now, random)
      bucket = next.bucket
      return next.wait
    })
  const together = (count: number, now = 0): number[] => Array(count).fill(now)

  it('lets a tenth of a second’s worth in at once, and no second sees more than 1.1 times the rate', () => {
    const times = Array.from({ length: 30_000 }, (_, at) => at / 10)
    const waits = come(bucketOf(100, true, 0), times)
    expect(waits.slice(0, 11).filter(wait => wait === undefined)).toHaveLength(10)
    const admitted = times.filter((_, at) => waits[at] === undefined)
    expect(peakOf(admitted)).toBeLessThanOrEqual(110)
    expect(admitted.length).toBeGreaterThan(300)
  })

  it('gives those whom it does not let in places at the rate, in whole seconds', () => {
    const waits = come(bucketOf(100, true, 0), together(510)).filter(wait => wait !== undefined)
    expect(waits).toHaveLength(500)
    for (let second = 1; second <= 5; second++) {
      expect(waits.filter(wait => wait === second).length).toBeGreaterThanOrEqual(99)
      expect(waits.filter(wait => wait === second).length).toBeLessThanOrEqual(101)
    }
  })

  it('forgets the places whose time is over', () => {
    const [first, ...later] = come(bucketOf(10, true, 0), [...together(101), 9_000, 9_001])
    expect(first).toBeUndefined()
    expect(later[99]).toBe(10)
    expect(later.slice(100)).toEqual([undefined, 2])
  })

  it('asks nobody to wait for more than ten minutes, however slow it is, and never for none', () => {
    expect(come(bucketOf(0.001, true, 0), together(3))).toEqual([undefined, 600, 600])
    expect(come(bucketOf(10_000, true, 0), together(1_001)).at(-1)).toBe(1)
  })

  it('lets nobody in for a clock that was put back', () => {
    expect(come(bucketOf(1, true, 0), [0, -5_000, -4_500, -4_000])).toEqual([undefined, 1, 1, undefined])
  })
})

describe('without a number', () => {
  it('the rate shrinks while the loop is late, and recovers when it is calm', () => {
    expect(adapted(usual, 500, true)).toBe(700)
    expect(adapted(least, 500, true)).toBe(least)
    expect(adapted(700, 50, true)).toBe(700)
    expect(adapted(700, 0, false)).toBe(750)
    expect(adapted(usual, 0, false)).toBe(usual)
    expect(adapted(usual, 0, true)).toBe(1_050)
    expect(adapted(most, 0, true)).toBe(most)
  })

  it('it is measured while somebody comes, and is the usual one when nobody does', async () => {
    const time = stopTime()
    let lateness = 400
    let late = 0
    const admission = createAdmission(undefined, () => Date.now() + late)
    admission.enter()
    // Each timer finds that more time has passed than it was to wait.
    const rates = [1, 2, 3].map(() => {
      late += lateness
      time.pass(100)
      return admission.rate
    })
    expect(rates).toEqual([700, 490, 343])
    lateness = 0
    time.pass(10_000)
    expect(admission.rate).toBe(usual)
    for (let come = 0; come < 3 * usual; come++) admission.enter()
    expect(admission.deferred).toBe(2 * usual)
    time.pass(100)
    expect(admission.rate).toBeGreaterThan(usual)
    time.pass(1_000)
    expect(admission.rate).toBe(usual)
  })

  it('it is not measured where it is named', () => {
    stopTime()
    const admission = createAdmission(50)
    admission.enter()
    expect(admission.rate).toBe(50)
  })
})

/** What the client of a line that comes is told, and by which status. */
async function refusalOf(at: Stand, via: Via): Promise<{ status: number; retryAfter: number | undefined }> {
  if (via === 'websocket') return JSON.parse((await listen(at, via).next('rt.fail')).data ?? '')
  const { status, text, headers } = await ask(address(at, { 'rt.via': via, 'rt.cb': '_rta' }), {
    headers: { origin: `http://${at.host}` },
  })
  const said = /"retryAfter\\*":(\d+)/.exec(text)?.[1] ?? headers['retry-after']
  const hidden = /"status\\*":(\d+)/.exec(text)?.[1]
  return { status: Number(hidden ?? status), retryAfter: said === undefined ? undefined : Number(said) }
}

describe.each(channels)('a new line over %s', via => {
  it('that comes too early is told when to come, before authorize is asked or a session begins', async () => {
    stopTime()
    let asked = 0
    const at = await stand({
      admission: 1,
      authorize(request) {
        if (isNew(request)) asked++
        return ['x']
      },
    })
    const refused: unknown[] = []
    at.hub.on('refused', ({ status, retryAfter, message }) => refused.push([status, retryAfter, message]))
    await listen(at, via).opened()
    const { sessions } = at.hub.stats()
    const { status, retryAfter } = await refusalOf(at, via)
    expect([status, retryAfter]).toEqual([503, expect.any(Number)])
    expect(retryAfter).toBeGreaterThan(0)
    expect(refused).toEqual([[503, retryAfter, 'too many connect at once']])
    expect(at.hub.stats()).toMatchObject({ sessions, refused: 1, deferred: 1, admission: 1 })
    expect(asked).toBe(1)
  })
})

describe.each(['long-polling', 'jsonp'] as const)('a line over %s that is open', via => {
  it('goes on with its polls and what it sends, however many come', async () => {
    stopTime()
    const at = await stand({ admission: 1 })
    const taken: unknown[] = []
    at.hub.on('message', ({ data }) => void taken.push(data))
    const ear = listen(at, via)
    const { session } = await ear.opened()
    for (const text of ['one', 'two', 'three']) {
      expect(await refusalOf(at, 'websocket')).toMatchObject({ status: 503 })
      await until(() => at.hub.stats().lines[via] === 1)
      await at.hub.publish('x', text)
      expect(await ear.messages(1)).toEqual([text])
    }
    expect(await post(at, session, message(1))).toMatchObject({ status: 200 })
    const up = { 'rt.via': 'jsonp', 'rt.cb': '_rts', 'rt.sid': session, 'rt.up': message(2) }
    const slice = await ask(address(at, { ...up, 'rt.at': 0, 'rt.of': message(2).length }))
    expect(parse(called(slice.text))).toMatchObject([{ event: 'rt.ack', data: '2' }])
    expect(taken).toEqual(['m1', 'm2'])
  })
})

it('of hundreds that come at once none is let in above the rate, and all are in at the end', async () => {
  const time = stopTime()
  const count = 300
  const admission = 100
  const admitted: number[] = []
  const at = await stand({
    admission,
    authorize(request) {
      if (isNew(request)) admitted.push(Date.now())
      return ['x']
    },
  })
  const waits: unknown[] = []
  at.hub.on('refused', ({ status, retryAfter }) => waits.push([status, retryAfter]))
  const isOpen = new Set<number>()
  const transports = [websocket, fetchStreaming, longPolling]
  for (let nth = 0; nth < count; nth++) {
    const line = connect(`http://${at.host}/live?topic=x`, {
      transport: transports[nth % 3] as typeof websocket,
      dialect: native,
      environment: { WebSocket },
    })
    line.onopen = () => isOpen.add(nth)
    onTestFinished(() => line.close())
  }
  // All have knocked before any time has passed.
  await until(() => admitted.length + waits.length === count)
  expect(admitted).toHaveLength(admission / 10)
  while (isOpen.size < count) {
    time.pass(25)
    await wait(4)
  }
  expect(peakOf(admitted)).toBeLessThanOrEqual(1.1 * admission)
  expect(waits.every(each => expectWhole(each))).toBe(true)
  expect(at.hub.stats()).toMatchObject({ deferred: waits.length, refused: waits.length })
  // Nobody is sent away again and again.
  expect(waits.length).toBeLessThan(3 * count)
}, 60_000)

function expectWhole(told: unknown): boolean {
  const [status, retryAfter] = told as [number, number]
  return status === 503 && Number.isInteger(retryAfter) && retryAfter > 0
}

it('a race that meets a node which goes away, and no balancer, is back over the transport that it had', async () => {
  const server = http.createServer()
  const first = createHub({ authorize: () => ['x'], retry: 20 })
  const leave = first.attach(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const line = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}/live`, {
    transport: race(websocket, fetchStreaming, longPolling),
    dialect: native,
    environment: { WebSocket },
  })
  onTestFinished(() => line.close())
  const opens: (string | null)[] = []
  const errors: string[] = []
  line.addEventListener('open', ({ transport }) => opens.push(transport))
  line.addEventListener('error', ({ error }) => errors.push(error.message))
  await until(() => opens.length === 1)
  await first.drain()
  await until(() => errors.some(message => message.includes('503')))
  leave()
  await first.close()
  const second = createHub({ authorize: () => ['x'] })
  second.attach(server)
  onTestFinished(() => second.close())
  await until(() => opens.length === 2)
  expect(opens).toEqual(['websocket', 'websocket'])
  expect(line.readyState).toBe(1)
})

describe('a node that goes away', () => {
  it.each(['websocket', 'eventsource'] as const)(
    'shows its 503 over %s, where a balancer sees it',
    async via => {
      const at = await stand()
      await at.hub.drain()
      const headers: Record<string, string> =
        via === 'websocket'
          ? {
              connection: 'Upgrade',
              upgrade: 'websocket',
              'sec-websocket-version': '13',
              'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
            }
          : {}
      const { status, headers: answered } = await ask(address(at, { 'rt.via': via }), { headers })
      expect([status, answered['retry-after']]).toEqual([503, '1'])
    },
  )
})

it('lines of a node that drains wait for the next one where it lets in few, and go on there in order, with what they sent', async () => {
  const log = memoryLog()
  const taken: string[] = []
  const authorize = () => ['x']
  const nodes = [createHub({ log, authorize }), createHub({ log, authorize, admission: 2 })] as const
  for (const node of nodes) {
    node.on('message', ({ data }) => void taken.push(String(data)))
    onTestFinished(() => node.close())
  }
  const server = http.createServer()
  const leave = nodes[0].attach(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const clients = ['a', 'b', 'c', 'd'].map(name =>
    startClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}/live`, name, 'websocket'),
  )
  onTestFinished(() => {
    for (const client of clients) client.close()
  })
  await Promise.all(clients.map(({ opened }) => opened))
  const publish = (nth: number) => nodes[1].publish('x', `${nth}`)
  await publish(1)
  leave()
  nodes[1].attach(server)
  const over = nodes[0].drain()
  for (let nth = 2; nth < 20; nth++) {
    for (const client of clients) client.send()
    await publish(nth)
    await wait(10)
  }
  await over
  await until(() => clients.every(({ dark }) => dark.length > 0))
  await publish(20)
  await Promise.all(clients.map(client => client.settled()))
  await until(() => clients.every(({ heard }) => heard.length >= 20))
  expect(nodes[1].stats().deferred).toBeGreaterThan(0)
  const numbers = Array.from({ length: 20 }, (_, at) => `${at + 1}`)
  for (const { name, heard, sent } of clients) {
    expect(heard.map(({ data }) => data)).toEqual(numbers)
    expect(sent.map(({ outcome }) => outcome)).toEqual(sent.map(() => 'taken'))
    expect(taken.filter(data => data.startsWith(`${name} `))).toEqual(sent.map(({ data }) => data))
  }
})
