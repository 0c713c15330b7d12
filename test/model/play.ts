import type { Line } from '../../src/connection/line.ts'
import type { ConnectionError } from '../../src/contracts/errors.ts'
import { native } from '../../src/dialects/native.ts'
import { open } from '../../src/setup/choose.ts'
import { eventsource } from '../../src/transports/eventsource.ts'
import { jsonp } from '../../src/transports/jsonp.ts'
import { longPolling } from '../../src/transports/long-polling.ts'
import { websocket } from '../../src/transports/websocket.ts'
import { xhrStreaming } from '../../src/transports/xhr-streaming.ts'
import { type Heard, upwardViolations, violations } from '../history.ts'
import { createWorld, type World } from '../support/world.ts'
import { type Browser, createBrowser } from './browser.ts'
import { createNetwork, type Network } from './network.ts'
import type { Deed, Script } from './script.ts'
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
}

/** Plays the script, lets everything heal, and gives back what is wrong, in words. */
export async function play(script: Script): Promise<string[]> {
  const stage = setUp(script)
  await perform(stage, script)
  await heal(stage)
  const healthy = await recovers(stage)
  const wrong = [...(healthy ? [] : [`not well ${recovery} ms after the last fault`]), ...judge(stage)]
  return [...wrong, ...(await leave(stage))]
}

/** Plays the script and closes the line in the middle of it all. What it heard may end early, and nothing else. */
export async function playAndClose(script: Script): Promise<string[]> {
  const stage = setUp(script)
  await perform(stage, script)
  const left = await leave(stage)
  const wrong = judge(stage).filter(each => !each.startsWith('heard: missing'))
  return [...wrong, ...left]
}

function setUp({ transports, eager, seed }: Script): Stage {
  const world = createWorld({}, seed + 1)
  const server = createServer(world)
  const network = createNetwork(world, server.serve, world.environment.random)
  const browser = createBrowser(world, () => network)
  const { environment } = browser
  const line = open<Record<string, unknown>>(catalogue, '/live', {
    transports,
    eager,
    environment,
    jsonp: 'cross-origin',
  })
  const stage: Stage = { world, server, network, browser, line, heard: [], sent: [], after: undefined }
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

async function perform(stage: Stage, { steps }: Script): Promise<void> {
  for (const [deed, then] of steps) {
    await act(stage, deed)
    await stage.world.pass(then)
  }
}

async function act(stage: Stage, deed: Deed): Promise<void> {
  const { world, server, network, browser } = stage
  if (deed === 'cut all') cutAll(network)
  else if (deed === 'mute all') for (const connection of [...network.open]) connection.mute()
  else if (deed === 'trim') {
    cutAll(network)
    await world.pass(network.latency + network.jitter)
    publish(server, 12)
  } else if (deed === 'forget sessions') server.forgetSessions()
  else if (deed === 'farewell') server.farewell()
  else if (deed === 'fair weather') network.weather.clear()
  else if (deed === 'park') await world.fire('pagehide')
  else if (deed === 'wake') await world.fire('pageshow')
  else if (deed === 'online') await world.fire('online')
  else if ('publish' in deed) publish(server, deed.publish)
  else if ('send' in deed) send(stage, deed.send, deed.size)
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
    publish(server, deed.published)
    for (const connection of [...network.open]) connection.mute()
    await world.sleep(deed.sleep)
  } else await browser.throttle(deed.throttle)
}

function cutAll({ open }: Network): void {
  for (const connection of [...open]) connection.cut('dirty')
}

function publish(server: ModelServer, count: number): void {
  for (let left = count; left > 0; left--) server.publish(`down ${server.published.length + 1}`)
}

function send({ line, sent }: Stage, count: number, size = 0): void {
  for (let left = count; left > 0; left--) {
    const entry: Stage['sent'][number] = { data: `up ${sent.length + 1}`.padEnd(size, '.') }
    sent.push(entry)
    line.send(entry.data).then(
      () => {
        entry.outcome = 'taken'
      },
      (error: ConnectionError) => {
        entry.outcome = error.kind
      },
    )
  }
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
  const well = () =>
    line.readyState === 1 &&
    line.lastEventId === server.published.at(-1)?.id &&
    sent.every(({ outcome }) => outcome !== undefined)
  server.publish('the last one')
  do {
    // The first may meet a session that is no more.
    send(stage, 1)
    do await world.pass(1_000)
    while (!well() && world.now < deadline)
  } while (sent.at(-1)?.outcome !== 'taken' && world.now < deadline)
  // What comes late must not do harm either.
  await world.pass(10_000)
  return well() && sent.at(-1)?.outcome === 'taken'
}

function judge({ server, heard, sent, after }: Stage): string[] {
  const down = after === undefined ? [] : violations(server.published, heard, after)
  return [
    ...down.map(({ kind, what }) => `heard: ${kind} ${what}`),
    ...upwardViolations(sent, server.taken).map(({ kind, what }) => `sent: ${kind} ${what.slice(0, 8)}`),
  ]
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
