import type { Line } from '../../src/connection/line.ts'
import type { ConnectionError } from '../../src/contracts/errors.ts'
import type { SubscribeOptions, Subscription } from '../../src/contracts/subscription.ts'
import { native } from '../../src/dialects/native.ts'
import { open } from '../../src/setup/choose.ts'
import { subscriptions } from '../../src/subscriptions/topics.ts'
import { eventsource } from '../../src/transports/eventsource.ts'
import { jsonp } from '../../src/transports/jsonp.ts'
import { longPolling } from '../../src/transports/long-polling.ts'
import { websocket } from '../../src/transports/websocket.ts'
import { xhrStreaming } from '../../src/transports/xhr-streaming.ts'
import { type Heard, upwardViolations, violations } from '../history.ts'
import { createWorld, type World } from '../support/world.ts'
import { type Browser, createBrowser } from './browser.ts'
import { createNetwork, type Network } from './network.ts'
import { type Deed, type Script, topicCount } from './script.ts'
import { createServer, type ModelServer } from './server.ts'

const catalogue = {
  transports: [websocket, eventsource, xhrStreaming, longPolling, jsonp],
  dialects: [native],
}

/** How long a line may take to recover once nothing stands in its way any more, in ms. */
const recovery = 300_000

/** A page, its line and its server, and what both ends have written down. */
interface Stage {
  readonly world: World
  readonly server: ModelServer
  readonly network: Network
  readonly browser: Browser
  readonly line: Line
  readonly heard: Heard[]
  readonly sent: { data: string; outcome?: string }[]
  /** Where the line stood when it first opened. */
  after: string | undefined
  /** The topics of a line with subscriptions, by name, and each subscription that there was. */
  readonly topics: readonly string[]
  readonly lives: Life[]
}

/** A subscription, and what it heard from its `open` to its end. */
interface Life {
  readonly subscription: Subscription
  readonly heard: Heard[]
  /** After which position it began; absent before it is open. */
  after: string | undefined
  readonly wish: SubscribeOptions
  /** How many messages there were as it was asked for, and as it opened. */
  readonly askedAt: number
  openedAt: number
  trimmed: boolean
}

/** Plays the script, lets everything heal, and gives back what is wrong, in words. */
export async function play(script: Script): Promise<string[]> {
  const stage = setUp(script)
  await perform(stage, script)
  await heal(stage)
  const healthy = await recovers(stage)
  const { server, world } = stage
  const before = server.asked
  await world.pass(60_000)
  const wrong = [...(healthy ? [] : [`not well ${recovery} ms after the last fault`]), ...judge(stage)]
  if (healthy && server.asked > before)
    wrong.push(`${server.asked - before} questions about topics when all is well`)
  return [...wrong, ...(await leave(stage))]
}

/** Plays the script, lets everything heal, and gives back how each message ended that asked for an answer. */
export async function answersOf(script: Script): Promise<(string | undefined)[]> {
  const stage = setUp(script)
  await perform(stage, script)
  await heal(stage)
  await recovers(stage)
  stage.line.close()
  return stage.sent.filter((_, index) => asksForAnswer(index)).map(({ outcome }) => outcome)
}

/** Plays the script and closes the line in the middle of it all. What it heard may end early, and nothing else. */
export async function playAndClose(script: Script): Promise<string[]> {
  const stage = setUp(script)
  await perform(stage, script)
  const left = await leave(stage)
  const wrong = judge(stage).filter(each => !/heard: missing/.test(each))
  return [...wrong, ...left]
}

function setUp({ transports, eager, seed, topics: length }: Script): Stage {
  const world = createWorld({}, seed + 1)
  const server = createServer(world)
  const network = createNetwork(world, server.serve, world.environment.random)
  const browser = createBrowser(world, () => network)
  const { environment } = browser
  const offered = length === undefined ? catalogue : { ...catalogue, topics: subscriptions }
  const line = open<Record<string, unknown>>(offered, '/live', {
    transports,
    eager,
    environment,
    jsonp: 'cross-origin',
  })
  const topics = length === undefined ? [] : namesOf(length)
  const stage: Stage = {
    world,
    server,
    network,
    browser,
    line,
    heard: [],
    sent: [],
    after: undefined,
    topics,
    lives: [],
  }
  if (length !== undefined) {
    subscribe(stage, 'lobby')
    return stage
  }
  line.addEventListener('open', () => {
    stage.after ??= line.lastEventId
    stage.heard.push({ type: 'open' })
  })
  line.addEventListener('message', ({ data, lastEventId }) => {
    stage.heard.push({ type: 'message', id: lastEventId, data: data as string })
  })
  line.addEventListener('gap', ({ to }) => stage.heard.push({ type: 'gap', to }))
  return stage
}

function namesOf(length: number): string[] {
  return Array.from({ length: topicCount }, (_, n) =>
    `${n < topicCount - 2 ? 'topic' : 'secret'} ${n} `.padEnd(length, '.'),
  )
}

function subscribe(
  { line, lives, server: { published } }: Stage,
  topic: string,
  wish: SubscribeOptions = {},
): void {
  const subscription = line.subscribe(topic, wish)
  const times = { askedAt: published.length, openedAt: 0 }
  const life: Life = { subscription, heard: [], after: undefined, wish, ...times, trimmed: false }
  lives.push(life)
  subscription.addEventListener('open', ({ trimmed }) => {
    if (life.after !== undefined) return
    life.after = subscription.lastEventId
    life.openedAt = published.length
    life.trimmed = trimmed
  })
  subscription.addEventListener('message', event => {
    const { lastEventId: id, data } = event as MessageEvent<string>
    life.heard.push({ type: 'message', id, data })
  })
  subscription.addEventListener('gap', ({ to }) => life.heard.push({ type: 'gap', to }))
}

function openLives({ lives }: Stage): Life[] {
  return lives.filter(({ subscription }) => subscription.readyState < 2)
}

async function perform(stage: Stage, { steps }: Script): Promise<void> {
  for (const [deed, then] of steps) {
    await act(stage, deed)
    await stage.world.pass(then)
  }
}

async function act(stage: Stage, deed: Deed): Promise<void> {
  const { world, server, network, browser, topics } = stage
  if (deed === 'cut all') cutAll(network)
  else if (deed === 'mute all') for (const connection of [...network.open]) connection.mute()
  else if (deed === 'trim') {
    cutAll(network)
    await world.pass(network.latency + network.jitter)
    publish(stage, 12)
  } else if (deed === 'forget sessions') server.forgetSessions()
  else if (deed === 'farewell') server.farewell()
  else if (deed === 'fair weather') network.weather.clear()
  else if (deed === 'park') await world.fire('pagehide')
  else if (deed === 'wake') await world.fire('pageshow')
  else if (deed === 'online') await world.fire('online')
  else if ('publish' in deed) publish(stage, deed.publish)
  else if ('subscribe' in deed) subscribe(stage, topics[deed.subscribe] as string, { history: deed.history })
  else if ('unsubscribe' in deed) openLives(stage)[deed.unsubscribe]?.subscription.close()
  else if ('renew' in deed) {
    const life = openLives(stage)[deed.renew]
    life?.subscription.close()
    if (life) renew(stage, life, deed.from)
  } else if ('send' in deed) send(stage, deed.send, deed.size)
  else if ('cut' in deed) network.open.at(-1 - deed.which)?.cut(deed.cut)
  else if ('stall' in deed) network.open.at(-1 - deed.which)?.stall(deed.stall)
  else if ('mute' in deed) network.open.at(-1 - deed.mute)?.mute()
  else if ('restart' in deed) await restart(stage, deed.restart, deed.away)
  else if ('weather' in deed) {
    if (deed.weather === 'fair') network.weather.delete(deed.on)
    else network.weather.set(deed.on, deed.weather)
  } else if ('posts' in deed) network.posts[deed.posts] = deed.count
  else if ('latency' in deed) Object.assign(network, deed)
  else if ('work' in deed) server.work = deed.work
  else if ('outage' in deed) network.down = deed.outage
  else if ('sleep' in deed) {
    publish(stage, deed.published)
    for (const connection of [...network.open]) connection.mute()
    await world.sleep(deed.sleep)
  } else await browser.throttle(deed.throttle)
}

function renew(
  stage: Stage,
  { subscription: { topic }, heard }: Life,
  from: 'last' | number | undefined,
): void {
  const since = from === 'last' ? heard.findLast(({ type }) => type === 'message')?.id : undefined
  subscribe(stage, topic, since === undefined ? { history: Number(from) || undefined } : { since })
}

function cutAll({ open }: Network): void {
  for (const connection of [...open]) connection.cut('dirty')
}

/** Most topics get something now and then, and the first ones more often. */
function publish({ server, topics, world }: Stage, count: number): void {
  const { random } = world.environment
  for (let left = count; left > 0; left--) {
    // A line without topics plays its scripts as ever.
    const which = topics.length && Math.floor(random() ** 2 * (topics.length + 1))
    server.publish(`down ${server.published.length + 1}`, ['lobby', ...topics][which])
  }
}

function send({ line, sent }: Stage, count: number, size = 0): void {
  for (let left = count; left > 0; left--) {
    const entry: Stage['sent'][number] = { data: `up ${sent.length + 1}`.padEnd(size, '.') }
    sent.push(entry)
    // Another one's answer would be none.
    const answer = asksForAnswer(sent.length - 1)
    const volatile = sent.length % 7 === 4
    line.send(entry.data, answer ? { answer, volatile } : { volatile }).then(
      (told: unknown) => {
        const isOwn = !answer || (told as { re?: string } | undefined)?.re === entry.data
        entry.outcome = isOwn ? 'taken' : 'answered by another'
      },
      (error: ConnectionError) => {
        entry.outcome = error.kind
      },
    )
  }
}

/** Every third does. */
function asksForAnswer(index: number): boolean {
  return index % 3 === 2
}

async function restart({ world, server, network }: Stage, log: 'same' | 'new', away: number): Promise<void> {
  server.restart(log)
  network.down = true
  await world.pass(away)
  network.down = false
}

async function heal({ world, network, browser, server }: Stage): Promise<void> {
  network.weather.clear()
  Object.assign(network, { latency: 5, jitter: 0, down: false })
  Object.assign(network.posts, { repliesLost: 0, lost: 0, doubled: 0 })
  server.work = 0
  await browser.throttle(false)
  await world.fire('pageshow')
}

/** Whether the line opens again, hears what is published from now on, and gets a message through. */
async function recovers(stage: Stage): Promise<boolean> {
  const { world, server, line, sent } = stage
  const deadline = world.now + recovery
  const { topics } = stage
  const newest = (topic: string) => server.published.findLast(each => each.topic === topic)?.id
  const isThere = topics.length
    ? () =>
        openLives(stage).every(({ subscription: { topic, lastEventId } }) =>
          isUpTo(lastEventId, newest(topic)),
        )
    : () => isUpTo(line.lastEventId, newest('lobby')) // an answer may stand behind it
  const well = () => line.readyState === 1 && isThere() && sent.every(({ outcome }) => outcome !== undefined)
  for (const topic of ['lobby', ...topics]) server.publish('the last one', topic)
  do {
    // The first may meet a session that is no more.
    send(stage, 1)
    do await world.pass(1_000)
    while (!well() && world.now < deadline)
  } while (sent.at(-1)?.outcome !== 'taken' && world.now < deadline)
  // What comes late must not do harm either.
  await world.pass(10_000)
  // It may just be about to move to another channel, because of a fault that it has only now found out about.
  while (!well() && world.now < deadline) await world.pass(1_000)
  return well() && sent.at(-1)?.outcome === 'taken'
}

/** A subscription that begins late stands where the log does, which is behind the newest message of its topic. */
function isUpTo(position: string, newest = ''): boolean {
  const [life, number] = position.split('.')
  const [newestLife, newestNumber] = newest.split('.')
  return life === newestLife && Number(number) >= Number(newestNumber)
}

function judge({ server, heard, sent, after, lives }: Stage): string[] {
  const down = after === undefined ? [] : violations(server.published, heard, after)
  return [
    ...lives.flatMap(life => judgeLife(server, life)),
    ...down.map(({ kind, what }) => `heard: ${kind} ${what}`),
    ...upwardViolations(sent, server.taken).map(({ kind, what }) => `sent: ${kind} ${what.slice(0, 8)}`),
  ]
}

/** What a subscription heard that is over may end anywhere. One that was never open has heard nothing. */
function judgeLife({ published }: ModelServer, life: Life): string[] {
  const { subscription, heard, after } = life
  const { topic, readyState, state } = subscription
  const name = topic.trim().slice(0, 8)
  if (state === 'refused' && !topic.startsWith('secret')) return [`${name} is refused`]
  if (after === undefined) return heard.map(({ data }) => `${name} heard: before its open ${data}`)
  const all = published.filter(each => each.topic === topic)
  const last = all.findIndex(({ id }) => id === heard.findLast(({ type }) => type === 'message')?.id)
  const own = readyState < 2 ? all : all.slice(0, last + 1)
  const wrong = violations(own, heard, after).map(({ kind, what }) => `${name} heard: ${kind} ${what}`)
  if (!beginsAsAsked(published, life)) wrong.push(`${name} begins after ${after}, not as it was asked for`)
  return topic.startsWith('secret') ? [...wrong, `${name} is ${state}`] : wrong
}

/** Whether it opened after the position that it named, or before as many messages as it wanted and there were. */
function beginsAsAsked(
  published: ModelServer['published'],
  { subscription: { topic }, after = '', wish: { since, history = 0 }, askedAt, openedAt, trimmed }: Life,
): boolean {
  if (trimmed) return true
  if (since !== undefined) return after === since
  const [life, number] = after.split('.')
  // What it wanted is gone with an earlier life of the log.
  if (!published[openedAt - 1]?.id.startsWith(`${life}.`)) return true
  const kept = (until: number) =>
    published.slice(0, until).filter(({ topic: of, id }) => of === topic && id.startsWith(`${life}.`))
  const given = kept(openedAt).filter(({ id }) => Number(id.split('.')[1]) > Number(number))
  return given.length >= Math.min(history, kept(askedAt).length)
}

/** Closes the line. Nothing of it may be left. */
async function leave({ line, world, browser, network, sent }: Stage): Promise<string[]> {
  line.close()
  await world.settle()
  const left: string[] = []
  if (browser.timers > 0) left.push(`${browser.timers} timers are left after close()`)
  if (world.listeners > 0) left.push(`${world.listeners} listeners are left after close()`)
  const connections = network.open.filter(({ via }) => via !== 'post')
  if (connections.length > 0) left.push(`${connections.map(({ via }) => via)} left after close()`)
  const pending = sent.filter(({ outcome }) => outcome === undefined).length
  if (pending > 0) left.push(`${pending} sends are not settled after close()`)
  return left
}
