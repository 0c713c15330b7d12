import { createServer } from 'node:http'
import { hostnameOf, ownHosts, readHosts } from '../server/http/hosts.ts'
import { createHub, createPublishEndpoint, type Log, redisLog } from '../server/index.ts'
import { type Command, readArguments, UsageError } from './arguments.ts'

const help = `throughline serve [options]

A bare server to try the wire by hand. Topics come from the query; what a client sends goes to all who hear its topics.

  --port <number>          where it listens; 0 takes a free port (PORT, 8081)
  --host <name>            on which interface (HOST, 127.0.0.1)
  --origins <list>         other origins whose pages may connect, with commas between (ORIGINS)
  --hosts <list>           names that lead here beside loopback and --host, with commas between (HOSTS)
  --publish-secret <text>  what a backend shows to publish by /publish, 16 characters or more (PUBLISH_SECRET); without it
                           whoever reaches the server may, but no page
  --redis <url>            one of several servers that share a log in this Redis
  --nats <list>            the same in NATS: one address, or several of a cluster with commas between

In parentheses: the variable of the environment that says the same, which keeps a secret out of the list of processes, and the default.
`

const options = {
  port: { type: 'string' },
  host: { type: 'string' },
  origins: { type: 'string' },
  hosts: { type: 'string' },
  'publish-secret': { type: 'string' },
  redis: { type: 'string' },
  nats: { type: 'string' },
} as const

export const command: Command = { help, run }

/** What the server was told. */
interface Told {
  readonly port: number
  readonly host: string
  readonly origins: readonly string[]
  readonly hosts: readonly string[]
  readonly secret: string | undefined
  readonly log: SharedLog | undefined
}

type SharedLog = Log & { close(): Promise<void> }

async function run(args: string[]): Promise<number> {
  const { values } = readArguments(args, options, { names: [], least: 0 })
  const { env } = process
  const host = values.host ?? env.HOST ?? '127.0.0.1'
  return serve({
    port: readPort(values.port ?? env.PORT ?? '8081'),
    host,
    origins: list(values.origins ?? env.ORIGINS ?? ''),
    hosts: ['localhost', ...ownHosts(host), ...list(values.hosts ?? env.HOSTS ?? '')],
    secret: values['publish-secret'] ?? env.PUBLISH_SECRET,
    log: await openLog(values.redis, values.nats),
  })
}

async function openLog(redis: string | undefined, nats: string | undefined): Promise<SharedLog | undefined> {
  if (redis !== undefined && nats !== undefined)
    throw new UsageError('--redis and --nats are two places for one log')
  if (redis !== undefined) return redisLog({ url: redis })
  if (nats === undefined) return undefined
  const { natsLog } = await import('../server/nats.ts').catch(cause => {
    const needs = '--nats needs two packages: npm install @nats-io/jetstream @nats-io/transport-node'
    throw new Error(needs, { cause })
  })
  return natsLog({ servers: list(nats) })
}

/** Settles with an exit code once the server has ended. */
function serve({ port, host, origins, hosts, secret, log }: Told): Promise<number> {
  const isKnownHost = readHosts(hosts)
  const hub = createHub({ ...(log && { log }), origins, hosts })
  // `curl` tells no origin; a page does, and none may publish here.
  const publish = createPublishEndpoint(
    hub,
    secret === undefined ? { authorize: ({ headers }) => headers.origin === undefined } : { secret },
  )
  hub.on('message', async ({ data, event, session }) => {
    await Promise.all(session.topics.map(topic => hub.publish(topic, data, { event })))
  })
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://localhost')
    if (!isKnownHost(hostnameOf(request)))
      return void response.writeHead(403).end(`this is none of this server's hosts; list it in HOSTS\n`)
    if (pathname === '/publish') return void publish(request, response)
    response.writeHead(pathname === '/' ? 200 : 404, { 'Content-Type': 'text/plain; charset=utf-8' })
    response.end(introduction(address(), secret !== undefined))
  })
  hub.attach(server)
  server.listen(port, host, () => console.log(`${address()}/`))
  return new Promise<number>((resolve, reject) => {
    server.on('error', ({ message }) => {
      void hub.close().then(() => log?.close())
      reject(new Error(`port is ${port}, host is ${host}: ${message}`))
    })
    // A second signal ends it at once, as Node does by itself.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stop().then(resolve))
    stopWithNpm(() => void stop().then(resolve))
  })

  function address(): string {
    const bound = server.address()
    return `http://${host}:${typeof bound === 'object' && bound ? bound.port : port}`
  }

  /** Sends the lines away one after the other, while what they still send is taken, and then goes. */
  async function stop(): Promise<number> {
    await hub.drain({ within: 5_000 })
    await hub.close()
    server.close()
    await log?.close()
    server.closeAllConnections()
    return 0
  }
}

/** npm hands a signal to the shell in between, which goes and tells nobody. */
function stopWithNpm(stop: () => void): void {
  if (process.env.npm_lifecycle_event === undefined) return
  const parent = process.ppid
  const watch = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(watch)
    stop()
  }, 200).unref()
}

function introduction(site: string, isSecret: boolean): string {
  const credential = isSecret ? `-H 'Authorization: Bearer <secret>' ` : ''
  return `Throughline: a bare server.

Listen, in one terminal:
  curl -N '${site}/live?topic=x'
Publish, in another:
  curl ${credential}-d 'hello' '${site}/publish?topic=x'
  curl ${credential}-d 'tea is ready' '${site}/publish?topic=x&event=wakeup'
Go on after the last id you saw:
  curl -N -H 'Last-Event-ID: <id>' '${site}/live?topic=x'
`
}

function readPort(text: string): number {
  const port = Number(text)
  if (/^\d{1,5}$/.test(text) && port < 65_536) return port
  throw new UsageError(`the port is '${text}'; it has to be a number from 0 to 65535`)
}

function list(text: string): string[] {
  return text
    .split(',')
    .map(entry => entry.trim())
    .filter(Boolean)
}
