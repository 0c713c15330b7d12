/** Lines of several tabs that share a channel, in one world: what each does in each state, and what becomes of the others when a tab goes. */
import { expect, test } from 'vitest'
import type { Line } from '../../src/connection/line.ts'
import { native } from '../../src/dialects/native.ts'
import type { Environment } from '../../src/environment.ts'
import { open } from '../../src/setup/choose.ts'
import { shareTabs } from '../../src/tabs/shared.ts'
import { encode } from '../../src/wire/encoder.ts'
import { message, pong, tick, welcome } from '../support/blocks.ts'
import { type Fake, fake } from '../support/fakes.ts'
import type { Asked } from '../support/line.ts'
import { createBrowser, type FakeTab } from '../support/tabs.ts'
import { createWorld } from '../support/world.ts'

interface Tab {
  readonly tab: FakeTab
  readonly line: Line<Record<string, string>>
  /** By which its own connection goes, if it has one. */
  readonly own: Fake
  /** What its events and messages said, in order. */
  readonly heard: string[]
  isSeen: boolean
}

test('the first tab opens a connection, and the second one goes by its session', async () => {
  const stage = createStage()
  const one = await stage.openTab()
  await stage.greet(one, 's1')
  const two = await stage.openTab()
  expect(stage.asked).toMatchObject([{ 'rt.via': 'carried', 'rt.by': 's1' }])
  await stage.carry(one, welcome({ session: 's2' }), message(1))
  expect(one.heard).toEqual(['open by websocket'])
  expect(two.heard).toEqual(['open by carried', 'message m1'])
  expect(two.own.channels).toEqual([])
})

test('a tab that comes while the first one connects waits for it', async () => {
  const stage = createStage()
  const one = await stage.openTab()
  const two = await stage.openTab()
  await stage.world.pass(9_000)
  expect(two.line.readyState).toBe(0)
  expect(stage.asked).toEqual([])
  await stage.greet(one, 's1')
  await stage.carry(one, welcome({ session: 's2' }))
  expect(two.heard).toEqual(['open by carried'])
})

for (const [what, go] of [
  ['closes its line', ({ line }) => line.close()],
  ['crashes', ({ tab }) => tab.crash()],
] as [string, (tab: Tab) => void][])
  test(`another one takes over when the tab that holds the connection ${what}, in its session`, async () => {
    const stage = createStage()
    const { one, two, three } = await stage.three()
    go(one)
    await stage.world.settle()
    expect(two.heard.at(-1)).toBe('error cut')
    expect(two.own.channel.query).toMatchObject({ 'rt.sid': 's2', 'rt.id': 'e.1.t1' })
    await stage.greet(two, 's2')
    expect(stage.asked.at(-1)).toMatchObject({ 'rt.by': 's2', 'rt.sid': 's3', 'rt.id': 'e.1.t1' })
    await stage.carry(two, welcome({ session: 's3' }), message(2))
    expect(three.heard.slice(-2)).toEqual(['open by carried', 'message m2'])
  })

test('a tab that is carried and goes is not heard of by the others, and the server is told', async () => {
  const stage = createStage()
  const { one, two, three } = await stage.three()
  const [name] = stage.asked.map(query => query['rt.as'])
  two.line.close()
  await stage.world.settle()
  expect(one.own.channel.sent.at(-1)).toBe(`event: rt.drop\ndata: ${name}\n\n`)
  expect([one.heard.at(-1), three.heard.at(-1)]).toEqual(['message m1', 'message m1'])
})

test('a channel that breaks off and comes back by itself takes the others along', async () => {
  const stage = createStage()
  const { one, two } = await stage.three()
  one.own.channel.pauses()
  await stage.world.settle()
  expect(two.heard.at(-1)).toBe('error cut')
  await stage.greet(one, 's1')
  await stage.carryTo(one, 2, welcome({ session: 's2', resumed: true }), message(2))
  expect(two.heard.slice(-2)).toEqual(['open by carried, resumed', 'message m2'])
})

test('the lock is taken from a tab that stands still, which is carried when it moves again', async () => {
  const stage = createStage()
  const { one, two } = await stage.three()
  one.tab.standStill()
  two.line.reconnect()
  await stage.world.pass(4_000)
  await stage.greet(two, 's2')
  one.tab.move()
  await stage.world.settle()
  expect(one.own.channel.open).toBe(false)
  expect(stage.asked).toContainEqual(expect.objectContaining({ 'rt.by': 's2', 'rt.sid': 's1' }))
})

test('a hole is a cut: the line asks again, after the last message it has', async () => {
  const stage = createStage()
  const { one, two } = await stage.three()
  await stage.carryPiece(one, 0, 7, encode({ id: 'e.9.t9', data: 'm9' }))
  expect(two.heard.at(-1)).toBe('error cut')
  await stage.world.pass(3_000)
  expect(stage.asked.at(-1)).toMatchObject({ 'rt.sid': 's2', 'rt.id': 'e.1.t1' })
})

test('has a connection of its own where the session that holds it could not carry it, named twice', async () => {
  const stage = createStage({ status: 404 })
  const one = await stage.openTab()
  await stage.greet(one, 's1')
  const two = await stage.openTab()
  await stage.greet(two, 's2')
  expect(two.heard).toEqual(['open by websocket'])
  one.line.close()
  two.line.close()
  await stage.world.settle()
  expect(stage.browser.left).toEqual([])
})

test('has a connection of its own where the server knows nothing of this', async () => {
  const stage = createStage({ status: 400 })
  await stage.greet(await stage.openTab(), 's1')
  const two = await stage.openTab()
  expect(two.own.channel.open).toBe(true)
  expect(two.heard).toEqual([])
})

test('tries again like any line where the server is busy', async () => {
  const stage = createStage({ status: 503 })
  const one = await stage.openTab()
  await stage.greet(one, 's1')
  const two = await stage.openTab()
  expect(two.heard).toEqual(['error status'])
  stage.status = 200
  await stage.world.pass(10_000)
  await stage.carry(one, welcome({ session: 's2' }))
  expect(two.heard.at(-1)).toBe('open by carried')
})

test('comes with another token where the one it had is not taken any more', async () => {
  const stage = createStage({ status: 401 })
  await stage.greet(await stage.openTab(), 's1')
  const tokens = ['old', 'new']
  const two = await stage.openTab({ token: () => tokens.shift() ?? 'none' })
  stage.status = 200
  await stage.world.pass(10_000)
  expect(stage.authorizations).toEqual(['Bearer old', 'Bearer new'])
  expect(two.own.channels).toEqual([])
})

function deny(): never {
  throw new DOMException('The operation is insecure.', 'SecurityError')
}

for (const [what, environment] of [
  ['locks', { locks: { request: async () => deny() } }],
  [
    'channels between tabs',
    {
      BroadcastChannel: class {
        constructor() {
          deny()
        }
      } as never,
    },
  ],
] as [string, Partial<Environment>][])
  test(`has a connection of its own where the browser denies ${what}`, async () => {
    const stage = createStage()
    const one = await stage.openTab({ environment })
    await stage.greet(one, 's1')
    expect(one.heard).toEqual(['open by websocket'])
    one.line.close()
    await stage.world.settle()
    expect(stage.browser.left).toEqual([])
  })

test('has a connection of its own where its page takes only small messages, since it could carry nobody', async () => {
  const stage = createStage()
  const one = await stage.openTab({ limits: { received: 9_999 } })
  expect(one.own.channel.open).toBe(true)
  expect(stage.browser.left).toEqual([])
})

test('a tab that is looked at takes the connection from one that polls unseen', async () => {
  const stage = createStage()
  const one = await stage.openTab({ transports: [fake('long-polling')] })
  const two = await stage.openTab({ transports: [fake('long-polling')] })
  await stage.greet(one, 's1')
  await stage.carry(one, welcome({ session: 's2' }))
  expect(two.heard).toEqual(['open by carried'])
  one.isSeen = false
  await stage.world.fire('visibilitychange')
  expect(two.own.channels).toHaveLength(1)
  expect(one.own.channel.open).toBe(false)
})

test('what is brought to others counts as news, so that the next poll does not wait', async () => {
  const stage = createStage()
  const { one } = await stage.three()
  const { target } = one.own.channel
  const before = target.taken()
  await stage.carryPiece(one, 0, 3, encode({ id: 'e.2.t2', data: 'm2' }))
  expect(target.taken()).toBe(before + 1)
})

test('tells what a function of the page has thrown', async () => {
  const stage = createStage()
  const one = await stage.openTab()
  await stage.greet(one, 's1')
  let words = ''
  const two = await stage.openTab({
    params: () => {
      throw new Error('no parameters today')
    },
  })
  two.line.addEventListener('error', ({ error }) => {
    words = `${error.message} ${error.cause}`
  })
  await stage.world.pass(5_000)
  expect(words).toContain('no parameters today')
})

test('closing in a handler leaves nothing behind, in each state', async () => {
  for (const type of ['open', 'error', 'message'] as const) {
    const stage = createStage()
    const { one, two, three } = await stage.three()
    for (const { line } of [two, three]) line.addEventListener(type, () => line.close())
    one.own.channel.pauses()
    await stage.world.settle()
    await stage.greet(one, 's1')
    for (const at of [2, 3]) await stage.carryTo(one, at, welcome({ session: `s${at}` }), message(2))
    one.line.close()
    await stage.world.pass(100)
    expect([two.line.readyState, three.line.readyState]).toEqual([2, 2])
    expect(stage.browser.left).toEqual([])
    expect(stage.world.timers).toBe(0)
  }
})

test('hundreds of lines that open and close at once leave neither locks nor channels', async () => {
  const stage = createStage()
  const { one } = await stage.three()
  for (let count = 0; count < 200; count++) {
    const { line } = count % 2 ? await stage.openTab() : stage.begin()
    line.close()
  }
  for (const { line } of stage.tabs) line.close()
  await stage.world.pass(100)
  expect(one.own.channel.open).toBe(false)
  expect(stage.browser.left).toEqual([])
  expect(stage.world.timers).toBe(0)
})

type Blocks = Parameters<Fake['channel']['brings']>

/** One browser, whose requests to be carried are answered with `status`. */
function createStage({ status = 200 } = {}) {
  const world = createWorld()
  const browser = createBrowser()
  const tabs: Tab[] = []
  const asked: Record<string, string>[] = []
  const authorizations: (string | undefined)[] = []
  const counts = new Map<string, number>()
  const stage = {
    world,
    browser,
    tabs,
    asked,
    authorizations,
    status,
    begin,
    openTab,
    three,
    greet,
    carry,
    carryTo,
    carryPiece,
  }
  return stage

  async function fetch(
    url: string,
    { method, headers: own }: { method?: string; headers?: Record<string, string> } = {},
  ) {
    if (method !== 'POST') {
      asked.push(Object.fromEntries(new URL(url).searchParams))
      authorizations.push(own?.Authorization)
    }
    const headers = {
      get: (name: string) => (name.toLowerCase() === 'content-type' ? 'text/event-stream' : null),
    }
    const body = { getReader: () => ({ read: async () => ({ done: true }) }) }
    return { ok: true, type: 'basic', status: stage.status, url, headers, body, text: async () => '' }
  }

  function begin({ environment, ...options }: Asked = {}): Tab {
    const tab = browser.openTab()
    const own = (options.transports?.[0] as Fake | undefined) ?? fake('websocket')
    const heard: string[] = []
    const { locks, BroadcastChannel } = tab
    const visible = () => opened.isSeen
    const line = open<Record<string, string>>(
      { transports: [own], dialects: [native], tabs: shareTabs },
      '/live',
      {
        shared: true,
        separate: true,
        ...options,
        environment: { ...world.environment, fetch, locks, BroadcastChannel, visible, ...environment },
      },
    )
    line.addEventListener('open', e => heard.push(`open by ${e.transport}${e.resumed ? ', resumed' : ''}`))
    line.addEventListener('message', e => heard.push(`message ${e.data}`))
    line.addEventListener('error', e => heard.push(`error ${e.error.kind}`))
    const opened: Tab = { tab, line, own, heard, isSeen: true }
    tabs.push(opened)
    return opened
  }

  async function openTab(options?: Asked): Promise<Tab> {
    const tab = begin(options)
    await world.settle()
    return tab
  }

  async function three() {
    const one = await openTab()
    await greet(one, 's1')
    one.own.channel.brings(message(1))
    const two = await openTab()
    await carry(one, welcome({ session: 's2' }), message(1))
    const three = await openTab()
    await carry(one, welcome({ session: 's3' }), message(1))
    return { one, two, three }
  }

  /** The server greets its own connection, which proves itself. */
  async function greet({ own: { channel } }: Tab, session: string): Promise<void> {
    channel.opens()
    channel.brings(welcome({ session }))
    await world.pass(200)
    channel.brings(tick, pong)
    await world.settle()
  }

  /** Brings this to whoever asked last. */
  async function carry(holder: Tab, ...blocks: Blocks): Promise<void> {
    await bring(holder, asked.at(-1), blocks)
  }

  /** Brings this to the session of this number. */
  async function carryTo(holder: Tab, number: number, ...blocks: Blocks): Promise<void> {
    await bring(
      holder,
      asked.findLast(query => query['rt.sid'] === `s${number}`),
      blocks,
    )
  }

  async function bring(holder: Tab, query: Record<string, string> = {}, blocks: Blocks): Promise<void> {
    const name = query['rt.as'] as string
    const count = (counts.get(name) ?? 0) + 1
    counts.set(name, count)
    await carryPiece(holder, asked.indexOf(query), count, blocks.map(encode).join(''))
  }

  /** Brings one piece to whoever made that request. */
  async function carryPiece(holder: Tab, request: number, count: number, text: string): Promise<void> {
    const re = asked[request]?.['rt.as']
    holder.own.channel.brings({ event: 'rt.carried', re, data: `${count}\n${text}` })
    await world.settle()
  }
}
