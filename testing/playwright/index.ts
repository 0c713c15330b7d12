/**
 * A hostile network between a browser and your application, for Playwright: what proxies, antivirus programs and trains do to a line, by one call each.
 *
 * @module throughline/testing/playwright
 */
import { test as base } from '@playwright/test'
import { type Cut, type Fault, startFaultProxy, type Via } from './fault-proxy.ts'
import { bufferedUntil, captivePortal, cutAfter, refused, silentSockets, slow, swallowed } from './faults.ts'

/** One request or handshake for the line, as the network saw it. */
export interface Try {
  /** The transport, or `post` for what was sent. */
  readonly via: Via
  /** As in HTTP: `GET`, `POST`. */
  readonly method: string
  /** Path and query. */
  readonly path: string
}

/** What stands between the browser and the application. Pages, scripts and pictures always come through; what is said here befalls the line alone. */
export interface Network {
  /** Where the application is seen through it: the `baseURL` of the test. */
  readonly url: string
  /** Everything for the line so far, the oldest first. */
  readonly tries: readonly Try[]
  /** WebSocket handshakes are taken and never answered, as proxies do that know nothing of them. */
  swallowWebSocket(): void
  /** They are answered by a refusal. @param status 403 unless you say otherwise */
  refuseWebSocket(status?: number): void
  /** They succeed, and then nothing goes either way. */
  silenceWebSocket(): void
  /** Streams are held back until so many bytes have come, as antivirus programs do. @param bytes as good as for ever, unless you say so */
  bufferStreams(bytes?: number): void
  /** Every stream and poll ends so long after it began, as on cheap hosting. @param ms how long, in ms */
  endStreams(ms: number): void
  /** So many bytes come down in a second, on each connection. */
  slow(bytesPerSecond: number): void
  /** Whoever comes is answered so by the network. @param status 503 unless you say otherwise */
  refuse(status?: number): void
  /** Whatever is asked for is answered by a page to log in at, as in hotels. */
  captivePortal(): void
  /** Breaks what is open, once. @param kind `rst` as a crashed router does, or `fin`, politely. @default 'rst' */
  cut(kind?: Cut): void
  /** What is open stays open, and nothing travels on it any more, as when a cable is pulled out. New connections get through. */
  stall(): void
  /** Breaks what is open, and swallows all that comes, until `heal()`. */
  offline(): void
  /** Ends all of that. What is open stays as it is. */
  heal(): void
  /** Ends the network; the fixture does so by itself. */
  close(): Promise<void>
}

const everything: readonly Via[] = [
  'websocket',
  'eventsource',
  'xhr-streaming',
  'long-polling',
  'jsonp',
  'post',
]
const streams: readonly Via[] = ['eventsource', 'xhr-streaming', 'long-polling', 'jsonp']

/**
 * Puts a network before an application.
 *
 * @param target the application's own address, over http
 * @param options `path`: the hub's, `/live` unless you say otherwise
 * @throws {TypeError} for an address that is not one over http
 */
export async function startNetwork(target: string, { path = '/live' } = {}): Promise<Network> {
  const { protocol, hostname, port } = addressOf(target)
  const host = hostname.replace(/^\[|\]$/g, '')
  const proxy = await startFaultProxy({ host, port: Number(port || (protocol === 'http:' && 80)) }, path)
  let faults: Fault[] = []
  const add = (...more: Fault[]) => {
    faults = [...more, ...faults]
    proxy.put(...faults)
  }
  return {
    url: proxy.url,
    tries: proxy.visits,
    swallowWebSocket: () => add(swallowed(['websocket'])),
    refuseWebSocket: (status = 403) => add(refused(status, ['websocket'])),
    silenceWebSocket: () => add(silentSockets),
    bufferStreams: (bytes = Number.POSITIVE_INFINITY) => add(bufferedUntil(bytes)),
    endStreams: ms => add(cutAfter(ms, streams)),
    slow: bytesPerSecond => add(slow(bytesPerSecond, everything)),
    refuse: (status = 503) => add(refused(status, everything)),
    captivePortal: () => add(captivePortal),
    cut: (kind = 'rst') => proxy.cut(kind),
    stall: () => proxy.mute(),
    offline() {
      add(swallowed(everything))
      proxy.cut('rst')
    },
    heal() {
      faults = []
      proxy.put()
    },
    close: () => proxy.close(),
  }
}

function addressOf(target: string): URL {
  const url = URL.canParse(target) ? new URL(target) : undefined
  if (url?.protocol === 'http:') return url
  throw new TypeError(
    `the network needs the address of an application over http, such as http://localhost:3000; this is ${JSON.stringify(target)}: set baseURL in playwright.config.ts, and let it serve http in tests`,
  )
}

/** The fixtures that `test` has besides Playwright's own. */
export interface NetworkFixtures {
  /** The network of this test. */
  network: Network
  /** Where the hub is in your application. @default '/live' */
  hubPath: string
}

/** Networks by their address: the `baseURL` that a test sees. */
const networks = new Map<string, Network>()

/**
 * Playwright's `test`, in which the page is behind a network of its own: `baseURL` leads through it.
 *
 * ```ts
 * import { expect, test } from 'throughline/testing/playwright'
 * test('a chat works where WebSockets are swallowed', async ({ page, network }) => {
 *   network.swallowWebSocket()
 *   await page.goto('/')
 *   await expect(page.getByText('connected')).toBeVisible()
 * })
 * ```
 */
export const test = base.extend<NetworkFixtures>({
  hubPath: ['/live', { option: true }],
  baseURL: async ({ baseURL, hubPath }, use) => {
    const network = await startNetwork(baseURL ?? '', { path: hubPath })
    networks.set(network.url, network)
    await use(network.url)
    networks.delete(network.url)
    await network.close()
  },
  network: async ({ baseURL }, use) => use(networks.get(baseURL as string) as Network),
})

export { expect } from '@playwright/test'
export type { Cut, Via } from './fault-proxy.ts'
