import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { memoryLog, redisLog } from '../../server/index.ts'
import { type Metric, write } from '../../server/operation/exposition.ts'
import { createHistogram } from '../../server/operation/histogram.ts'
import { figure, figures, readExposition } from './exposition.ts'
import { address, ask, channels, listen, message, post, type Stand, stand, until } from './harness.ts'
import { missingRedis, startRedis } from './redis.ts'

const promtool = '/usr/bin/promtool'
const missingPromtool = existsSync(promtool)
  ? undefined
  : `${promtool} is not there: Debian's package prometheus has it`

const sum = (counts: Record<string, number>): number =>
  Object.values(counts).reduce((all, count) => all + count, 0)
const of = (at: Stand, name: string): Record<string, number> =>
  figures(at.hub.metrics(), `throughline_${name}`)
const one = (at: Stand, name: string): number => figure(at.hub.metrics(), `throughline_${name}`)

describe('the text', () => {
  it('is what the format says, of a hub that has done nothing and of one that has', async () => {
    const at = await stand()
    const before = readExposition(at.hub.metrics())
    expect(before.size).toBeGreaterThan(20)
    await listen(at, 'websocket').opened()
    await at.hub.publish('x', 'hello')
    await ask(address(at, { 'rt.via': 'nothing' }))
    expect([...readExposition(at.hub.metrics()).keys()]).toEqual([...before.keys()])
  })

  it.skipIf(missingPromtool)(
    `is nothing that promtool would change (${missingPromtool ?? 'it is there'})`,
    async () => {
      const at = await stand({ log: { ...memoryLog(), metrics: ofLog } })
      await listen(at, 'long-polling').opened()
      const { status, stdout, stderr } = spawnSync(promtool, ['check', 'metrics'], {
        input: at.hub.metrics(),
        encoding: 'utf8',
      })
      expect({ status, said: stdout + stderr }).toEqual({ status: 0, said: '' })
    },
  )

  it('has the same figures as stats()', async () => {
    const at = await stand({
      authorize: ({ url }) => url.searchParams.getAll('topic').filter(name => name !== 'no'),
    })
    await listen(at, 'xhr-streaming').opened()
    await listen(at, 'websocket', { 'rt.id': 'unknown' }).next('rt.gap')
    await ask(address(at, { 'rt.via': 'nothing' }))
    await at.hub.publish('x', '1')
    const stats = at.hub.stats()
    expect(stats).toMatchObject({ refused: 1, gaps: 1, messages: 1, sessions: 2 })
    expect(of(at, 'lines')).toEqual(stats.lines)
    expect(one(at, 'sessions')).toBe(stats.sessions)
    expect(sum(of(at, 'refusals_total'))).toBe(stats.refused)
    expect(sum(of(at, 'gaps_total'))).toBe(stats.gaps)
    expect(one(at, 'messages_published_total')).toBe(stats.messages)
  })

  it('has labels escaped, and is cumulative', () => {
    const histogram = createHistogram([0.1, 1])
    for (const value of [0.05, 0.1, 0.5, 7]) histogram.observe(value)
    const text = write([
      {
        name: 'odd',
        help: 'a \\ and\na line',
        type: 'gauge',
        samples: [
          { labels: { what: '"\\\n' }, value: Number.POSITIVE_INFINITY },
          { labels: { what: '한글' }, value: 1e-9 },
        ],
      },
      { name: 'times_seconds', help: 'times', type: 'histogram', ...histogram.read() },
    ])
    const read = readExposition(text)
    expect(read.get('odd')).toMatchObject({
      help: 'a \\ and\na line',
      samples: [
        { labels: { what: '"\\\n' }, value: Number.POSITIVE_INFINITY },
        { labels: { what: '한글' }, value: 1e-9 },
      ],
    })
    expect(read.get('times_seconds')?.samples.map(({ value }) => value)).toEqual([2, 3, 4, 7.65, 4])
  })

  it.each([
    ['a sample without a head', 'a 1\n'],
    ['a head that comes twice', '# HELP a x\n# TYPE a gauge\na 1\n# HELP a x\n# TYPE a gauge\n'],
    ['a series that comes twice', '# HELP a x\n# TYPE a gauge\na{b="1"} 1\na{b="1"} 2\n'],
    ['a label that is not escaped', '# HELP a x\n# TYPE a gauge\na{b="""} 1\n'],
    ['a counter without its ending', '# HELP a x\n# TYPE a counter\na 1\n'],
    [
      'buckets that do not grow',
      '# HELP a x\n# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n',
    ],
    [
      'a last bucket that is not all',
      '# HELP a x\n# TYPE a histogram\na_bucket{le="+Inf"} 1\na_sum 1\na_count 2\n',
    ],
    ['no end of a line', '# HELP a x\n# TYPE a gauge\na 1'],
  ])('would not be read with %s', (_, text) => {
    expect(() => readExposition(text)).toThrow()
  })

  it.each([
    ['a name that Prometheus has not', [{ name: 'a-b', help: '', type: 'gauge', samples: [{ value: 1 }] }]],
    [
      'a label that it has not',
      [{ name: 'a', help: '', type: 'gauge', samples: [{ labels: { 'b"': '' }, value: 1 }] }],
    ],
    [
      'a name that is there twice',
      [
        { name: 'a', help: '', type: 'gauge', samples: [{ value: 1 }] },
        { name: 'a', help: '', type: 'gauge', samples: [{ value: 2 }] },
      ],
    ],
  ] satisfies [string, Metric[]][])('is not written for %s', (_, metrics) => {
    expect(() => write(metrics)).toThrow(TypeError)
  })
})

describe('lines', () => {
  it.each(channels)('over %s are counted as they open, and as they close', async via => {
    const at = await stand()
    const ear = listen(at, via)
    await ear.opened()
    await until(() => of(at, 'lines')[via] === 1)
    expect(of(at, 'opens_total')[via]).toBeGreaterThan(0)
    ear.close()
    await until(() => sum(of(at, 'lines')) === 0)
    expect(sum(of(at, 'closes_total'))).toBe(sum(of(at, 'opens_total')))
    expect(of(at, 'closes_total').client).toBe(1)
    // The first block of a poll is an answer of its own.
    const isPolled = via === 'long-polling' || via === 'jsonp'
    expect(of(at, 'closes_total').answered).toBe(isPolled ? 1 : 0)
  })

  it.each([
    ['reauthorize', (at: Stand): void => void at.hub.reauthorize('me')],
    ['disconnect', (at: Stand): void => void at.hub.disconnect({ principal: 'me' })],
    ['refuse', (at: Stand): void => at.hub.refuse(['websocket'])],
    ['drain', (at: Stand): void => void at.hub.drain()],
  ] as const)('that end by %s are counted so', async (reason, act) => {
    const at = await stand({ authorize: () => ({ topics: ['x'], principal: 'me' }) })
    const ear = listen(at, 'websocket')
    await ear.opened()
    act(at)
    await ear.closed
    await until(() => of(at, 'closes_total')[reason] === 1)
    expect(sum(of(at, 'closes_total'))).toBe(1)
  })

  it('that say goodbye, or what cannot be taken, are counted so', async () => {
    const at = await stand()
    const ears = [listen(at, 'websocket'), listen(at, 'websocket')] as const
    for (const ear of ears) await ear.opened()
    ears[0].send('event: rt.bye\ndata: {}\n\n')
    ears[1].send('id: none\ndata: x\n\n')
    await Promise.all(ears.map(({ closed }) => closed))
    await until(() => sum(of(at, 'closes_total')) === 2)
    expect(of(at, 'closes_total')).toMatchObject({ goodbye: 1, rejected: 1 })
  })

  it('whose rights expire are counted so', async () => {
    const at = await stand({ authorize: () => ({ topics: ['x'], expires: Date.now() + 500 }) })
    const ear = listen(at, 'eventsource')
    await ear.closed
    await until(() => of(at, 'closes_total').expired === 1)
  })

  it('that come back are counted, and the pages that are read for them', async () => {
    const at = await stand()
    const first = listen(at, 'websocket')
    await first.opened()
    const id = await at.hub.publish('x', '1')
    await at.hub.publish('x', '2')
    expect(one(at, 'resume_pages_total')).toBe(0)
    const again = listen(at, 'websocket', { 'rt.id': id })
    expect(await again.messages(1)).toEqual(['2'])
    expect(one(at, 'resumes_total')).toBe(1)
    expect(one(at, 'resume_pages_total')).toBe(1)
  })
})

describe('refusals', () => {
  it.each([
    ['application', {}, { authorize: (): null => null }],
    [
      'application',
      {},
      { authorize: () => Promise.reject({ status: 429, message: 'later', reason: 'my own words' }) },
    ],
    ['credential', {}, { authorize: () => Promise.reject({ status: 401, message: 'who' }) }],
    ['failed', {}, { authorize: () => Promise.reject(new Error('a fault')) }],
    ['host', {}, { hosts: ['example.com'] }],
    ['malformed', { 'rt.via': 'nothing' }, {}],
    ['transport', {}, { refuse: ['long-polling'] }],
    ['session', { 'rt.q': 'unknown' }, {}],
    ['application', {}, { authorize: () => Promise.reject({ status: 404, message: 'no such room' }) }],
    ['topics', { topic: 'far too long' }, { limits: { topicName: 5 } }],
  ] as const)('for the reason %s are counted so (%#)', async (reason, query, options) => {
    const at = await stand(options as Parameters<typeof stand>[0])
    at.hub.on('error', () => {})
    const told: string[] = []
    at.hub.on('refused', refused => void told.push(refused.reason))
    const { status } = await ask(address(at, { 'rt.via': 'long-polling', ...query }))
    expect(status).toBeGreaterThanOrEqual(400)
    expect(told).toEqual([reason])
    const counted = of(at, 'refusals_total')
    expect(counted[reason]).toBe(1)
    expect(sum(counted)).toBe(1)
  })

  it('of pages of others, of sessions beyond the limit, and of what was disconnected', async () => {
    const at = await stand({
      limits: { sessions: 2, sessionsPerAddress: 2, sessionsPerPrincipal: 2 },
      authorize: () => ({ topics: ['x'], principal: 'me' }),
    })
    await ask(address(at, { 'rt.via': 'long-polling' }), { headers: { origin: 'https://elsewhere.example' } })
    const ears = [listen(at, 'websocket'), listen(at, 'websocket')]
    const [session = ''] = (await Promise.all(ears.map(ear => ear.opened()))).map(opened => opened.session)
    await ask(address(at, { 'rt.via': 'long-polling' }))
    at.hub.disconnect({ session })
    await post(at, session, message(1))
    expect(of(at, 'refusals_total')).toMatchObject({ origin: 1, sessions: 1, disconnected: 1 })
  })

  it('while the hub goes away, and while its log cannot be read', async () => {
    const log = { ...memoryLog(), ready: true }
    const at = await stand({ log })
    log.ready = false
    await ask(address(at, { 'rt.via': 'long-polling' }))
    expect(one(at, 'log_up')).toBe(0)
    log.ready = true
    await at.hub.drain()
    await ask(address(at, { 'rt.via': 'long-polling' }))
    expect(of(at, 'refusals_total')).toMatchObject({ log: 1, draining: 1 })
    expect([one(at, 'log_up'), one(at, 'draining')]).toEqual([1, 1])
  })
})

describe('messages', () => {
  it('are counted as they are published, and as often as they are delivered', async () => {
    const at = await stand()
    const ears = [listen(at, 'websocket'), listen(at, 'eventsource'), listen(at, 'long-polling')]
    for (const ear of ears) await ear.opened()
    await at.hub.publish('x', '1')
    for (const ear of ears) await ear.messages(1)
    await at.hub.publish('nobody hears this', '2')
    expect(one(at, 'messages_published_total')).toBe(2)
    expect(one(at, 'messages_delivered_total')).toBe(3)
  })

  it.each([
    ['unknown', 'what.never.was.an.id'],
    ['epoch', 'another.1.life'],
  ])('that are lost are counted by the reason of their gap: %s', async (reason, cursor) => {
    const at = await stand()
    await listen(at, 'websocket', { 'rt.id': cursor }).next('rt.gap')
    expect(of(at, 'gaps_total')).toMatchObject({ [reason]: 1 })
    expect(sum(of(at, 'gaps_total'))).toBe(1)
  })
})

describe('what is in doubt', () => {
  it('is counted where a client comes back for a session that is not here', async () => {
    const at = await stand()
    await listen(at, 'websocket', { 'rt.sid': 'a'.repeat(32) }).opened()
    expect(of(at, 'in_doubt_total')).toEqual({ 'session-unknown': 1, drain: 0, disconnect: 0 })
  })

  it.each([
    ['drain', (at: Stand): void => void at.hub.drain({ within: 20 })],
    ['disconnect', (at: Stand): void => void at.hub.disconnect({ principal: 'me' })],
  ] as const)('is counted where a listener is not done in time: %s', async (cause, act) => {
    const at = await stand({ authorize: () => ({ topics: ['x'], principal: 'me' }) })
    let isTaken = false
    let finish = () => {}
    const never = new Promise<void>(resolve => {
      finish = resolve
    })
    onTestFinished(() => finish())
    at.hub.on('message', () => {
      isTaken = true
      return never
    })
    const ear = listen(at, 'websocket')
    await ear.opened()
    ear.send(message(1))
    await until(() => isTaken)
    act(at)
    await until(() => of(at, 'in_doubt_total')[cause] === 1)
    expect(sum(of(at, 'in_doubt_total'))).toBe(1)
  })
})

it('a slow reader is counted once for each time it falls behind', async () => {
  const at = await stand({ limits: { unsent: 1 } })
  const ear = listen(at, 'websocket')
  await ear.opened()
  ear.pause()
  // More than all buffers between the two take.
  for (let sent = 0; one(at, 'slow_readers_total') === 0; sent++)
    await at.hub.publish('x', `${sent}`.repeat(100_000))
  expect(one(at, 'unsent_bytes')).toBeGreaterThan(0)
})

it('the delay of the event loop is measured from the first reading on', async () => {
  const at = await stand()
  const delays = () =>
    readExposition(at.hub.metrics()).get('throughline_event_loop_delay_seconds')?.samples ?? []
  const long = () => {
    const upTo = delays().find(({ labels }) => labels.le === '0.25')?.value ?? 0
    return (delays().at(-1)?.value ?? 0) - upTo
  }
  expect(delays().at(-1)?.value).toBe(0)
  const before = long()
  const end = performance.now() + 300
  while (performance.now() < end);
  await until(() => long() > before)
})

function ofLog(): Metric[] {
  return [{ name: 'lag_seconds', help: 'How far it is behind.', type: 'gauge', samples: [{ value: 2 }] }]
}

describe('a log of one’s own', () => {
  it('brings its own figures', async () => {
    const at = await stand({ log: { ...memoryLog(), metrics: ofLog } })
    expect(one(at, 'log_lag_seconds')).toBe(2)
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('no figures')
      },
    ],
    ['gives what is none', () => [{ ...(ofLog()[0] as Metric), name: 'Not A Name' }]],
    ['gives one twice', () => [...ofLog(), ...ofLog()]],
  ])('that %s takes nothing from the hub’s', async (_, metrics) => {
    const at = await stand({ log: { ...memoryLog(), metrics } })
    const errors: unknown[] = []
    at.hub.on('error', error => void errors.push(error))
    expect(one(at, 'sessions')).toBe(0)
    expect(errors).toHaveLength(1)
  })
})

describe.skipIf(missingRedis)(`the log in Redis (${missingRedis ?? 'it is there'})`, () => {
  it('tells how long it takes, how often it had to connect, and how far it is behind', async () => {
    const redis = await startRedis()
    const log = redisLog({ url: redis.url, check: 50 })
    onTestFinished(async () => {
      await log.close()
      await redis.close()
    })
    const at = await stand({ log })
    at.hub.on('error', () => {})
    const ear = listen(at, 'websocket')
    await ear.opened()
    await at.hub.publish('x', '1')
    expect(await ear.messages(1)).toEqual(['1'])
    const trips = () =>
      readExposition(at.hub.metrics()).get('throughline_log_round_trip_seconds')?.samples.at(-1)
    expect(trips()?.value).toBeGreaterThan(1)
    expect(one(at, 'log_reconnects_total')).toBe(0)
    expect(one(at, 'log_lag_messages')).toBe(0)
    await redis.stop()
    await until(() => one(at, 'log_up') === 0)
    const behind = one(at, 'log_lag_seconds')
    expect(behind).toBeGreaterThan(0)
    await until(() => one(at, 'log_lag_seconds') > behind)
    await redis.start()
    await until(() => one(at, 'log_up') === 1)
    await until(() => one(at, 'log_lag_seconds') < behind)
    expect(one(at, 'log_reconnects_total')).toBeGreaterThan(0)
  })
})
