/** Lines of the SDK in Node, which keep account of all they hear and send, and of how long they were without a connection. */
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { connect, longPolling, native, websocket } from '../../src/core.ts'
import { fetchStreaming } from '../../src/transports/fetch-streaming.ts'
import type { Heard, Published, Sent } from '../../test/history.ts'
import type { Cluster } from './cluster.ts'

export interface Client {
  readonly name: string
  readonly transport: string
  readonly heard: readonly Heard[]
  readonly sent: readonly Sent[]
  /** For how long it was without a connection since it had one, each time, in ms. */
  readonly dark: readonly number[]
  /** What its `error` events said. */
  readonly errors: readonly string[]
  readonly opened: Promise<unknown>
  /** Sends one more message. */
  send(): void
  /** Settles when nothing that was sent is pending. */
  settled(): Promise<unknown>
  close(): void
}

const transports = { websocket, 'fetch-streaming': fetchStreaming, 'long-polling': longPolling }

export type TransportName = keyof typeof transports

export function startClient(url: string, name: string, transport: TransportName): Client {
  const heard: Heard[] = []
  const sent: { data: string; outcome?: string }[] = []
  const pending: Promise<void>[] = []
  const dark: number[] = []
  const errors: string[] = []
  let lost: number | undefined
  let isOpened = false
  const line = connect(url, {
    transport: transports[transport],
    dialect: native,
    environment: { WebSocket, fetch: withCookies() },
  })
  line.addEventListener('message', event => {
    heard.push({ type: 'message', id: event.lastEventId, data: String(event.data) })
  })
  line.addEventListener('gap', ({ to }) => void heard.push({ type: 'gap', to }))
  line.addEventListener('error', ({ error }) => {
    errors.push(error.message)
    if (isOpened) lost ??= performance.now()
  })
  const opened = new Promise(resolve => {
    line.addEventListener('open', () => {
      resolve(undefined)
      isOpened = true
      if (lost !== undefined) dark.push(performance.now() - lost)
      lost = undefined
    })
  })
  return { name, transport, heard, sent, dark, errors, opened, send, settled, close: () => line.close() }

  function send(): void {
    const one: { data: string; outcome?: string } = { data: `${name} ${sent.length + 1}` }
    sent.push(one)
    const sending = line.send(one.data).then(
      () => 'taken',
      error => String(error.kind),
    )
    pending.push(
      sending.then(outcome => {
        one.outcome = outcome
      }),
    )
  }

  function settled(): Promise<unknown> {
    return Promise.all(pending)
  }
}

/** Restarts all nodes under traffic. */
export function restartUnderTraffic(
  cluster: Cluster,
  clients: readonly Client[],
  every: number,
): Promise<readonly Published[]> {
  return underTraffic(cluster, clients, every, cluster.restart)
}

/**
 * Acts while something is published every 50 ms and each client sends every `every` ms, and waits until all of it has come. Gives what was published, as
 * far as the log goes.
 */
export async function underTraffic(
  cluster: Cluster,
  clients: readonly Client[],
  every: number,
  act: () => Promise<unknown>,
): Promise<readonly Published[]> {
  await Promise.all(clients.map(({ opened }) => opened))
  const stop = cluster.flow(50)
  while (!clients.every(({ heard }) => heard.length > 0)) await sleep(5)
  let going = true
  const sending = (async () => {
    while (going) {
      for (const client of clients) client.send()
      await sleep(every)
    }
  })()
  try {
    await act()
  } finally {
    going = false
    await sending
    await stop()
  }
  const published = await cluster.history()
  const last = published.at(-1)?.id
  while (!clients.every(({ heard }) => heard.some(({ id }) => id === last))) await sleep(5)
  await Promise.all(clients.map(client => client.settled()))
  return published
}

/** As a browser does: the balancer keeps a client on its node by a cookie. */
function withCookies(): typeof fetch {
  let cookie = ''
  return async (url, init) => {
    const headers = new Headers(init?.headers)
    if (cookie) headers.set('cookie', cookie)
    const response = await fetch(url, { ...init, headers })
    const [given] = response.headers.getSetCookie()
    if (given) cookie = given.split(';', 1)[0] ?? ''
    return response
  }
}
