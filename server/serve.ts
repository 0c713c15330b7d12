#!/usr/bin/env node
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { parseArgs } from 'node:util'
import { hostnameOf, ownHosts, readHosts } from './http/hosts.ts'
import { createHub, redisLog } from './index.ts'

/**
 * A bare hub to try the wire by hand, on PORT (8081) and HOST (127.0.0.1). Topics come from the query; what a client sends
 * goes to all who hear its topics. ORIGINS: other origins whose pages may connect, with commas between.
 * HOSTS: names that lead here beside loopback and HOST, with commas between.
 * `--redis <url>`: one of several that share a log.
 */
const { PORT = '8081', HOST = '127.0.0.1', ORIGINS = '', HOSTS = '' } = process.env
const { redis } = parseArgs({ options: { redis: { type: 'string' } } }).values
const log = redis === undefined ? undefined : redisLog({ url: redis })
const hosts = ['localhost', ...ownHosts(HOST), ...list(HOSTS)]
const isKnownHost = readHosts(hosts)
const hub = createHub({
  ...(log && { log }),
  origins: list(ORIGINS),
  hosts,
})
hub.on('message', async ({ data, event, session }) => {
  await Promise.all(session.topics.map(topic => hub.publish(topic, data, { event })))
})

const server = createServer(async (request, response) => {
  const url = new URL(request.url ?? '', 'http://localhost')
  if (!isKnownHost(hostnameOf(request)))
    return void response.writeHead(403).end(`this is none of this server's hosts; list it in HOSTS\n`)
  if (request.method === 'POST' && url.pathname === '/publish') return publish(url, request, response)
  response.writeHead(url.pathname === '/' ? 200 : 404, { 'Content-Type': 'text/plain; charset=utf-8' })
  response.end(help())
})
hub.attach(server)
server.on('error', ({ message }) => {
  console.error(`PORT is ${PORT}, HOST is ${HOST}: ${message}`)
  process.exit(1)
})
server.listen(Number(PORT), HOST, () => console.log(`${address()}/`))

// A second signal ends it at once, as Node does by itself.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop)
stopWithNpm()

/** npm hands a signal to the shell in between, which goes and tells nobody. */
function stopWithNpm(): void {
  if (process.env.npm_lifecycle_event === undefined) return
  const parent = process.ppid
  const watch = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(watch)
    void stop()
  }, 200).unref()
}

async function publish(url: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
  // `curl` tells no origin; a page does, and none may publish here.
  if (request.headers.origin !== undefined) return void response.writeHead(403).end()
  const topic = url.searchParams.get('topic') ?? ''
  const event = url.searchParams.get('event') ?? 'message'
  try {
    const id = await hub.publish(topic, await readText(request), { event })
    response.end(`${id}\n`)
  } catch (error) {
    const isTheirs = error instanceof TypeError || error instanceof RangeError
    // What is not wrong with the message is wrong with the log.
    if (!isTheirs) response.setHeader('Retry-After', 5)
    response.writeHead(isTheirs ? 400 : 503).end(`${error instanceof Error ? error.message : error}\n`)
  }
}

function list(text: string): string[] {
  return text
    .split(',')
    .map(entry => entry.trim())
    .filter(Boolean)
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += chunk.length
    if (bytes > 2 ** 20) throw new RangeError('more than 1 MiB')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function help(): string {
  return `Throughline: a bare hub.

Listen, in one terminal:
  curl -N '${address()}/live?topic=x'
Publish, in another:
  curl -d 'hello' '${address()}/publish?topic=x'
  curl -d 'tea is ready' '${address()}/publish?topic=x&event=wakeup'
Go on after the last id you saw:
  curl -N -H 'Last-Event-ID: <id>' '${address()}/live?topic=x'
`
}

function address(): string {
  const bound = server.address()
  return `http://${HOST}:${typeof bound === 'object' && bound ? bound.port : PORT}`
}

/** Sends the lines away one after the other, while what they still send is taken, and then goes. */
async function stop(): Promise<void> {
  await hub.drain({ within: 5_000 })
  await hub.close()
  server.close()
  await log?.close()
  server.closeAllConnections()
}
