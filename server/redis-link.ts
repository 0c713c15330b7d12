import { createHash } from 'node:crypto'
import { type ScriptName, scripts } from './redis-scripts.ts'

/** A way to Redis that outlives its connections. */
export interface Link {
  /**
   * Runs a script. Scripts run in the order they were asked for, also those that had to be asked for again because the
   * connection broke: each must do no harm when it runs twice. Rejects when Redis does not answer for `patience` ms.
   */
  run(name: ScriptName, keys: readonly string[], values: readonly string[]): Promise<unknown>
  close(): Promise<void>
}

export interface LinkOptions {
  url: string
  patience: number
  /** What is published there is heard. */
  channel: string
  /** What makes a connection fit for use; told by which process Redis is. */
  greeting(run: string): { name: ScriptName; keys: readonly string[]; values: readonly string[] }
}

export interface LinkListener {
  heard(text: string): void
  /** A connection is there again: something may have been missed. */
  ready(): void
  /** Once, until it is ready again. */
  failed(error: Error): void
}

interface Job {
  readonly command: readonly string[]
  readonly name: ScriptName
  resolve(reply: unknown): void
  reject(error: Error): void
}

type Client = ReturnType<typeof import('redis').createClient>

type State =
  | { is: 'away' } // nothing is sent
  | { is: 'greeting' } // a connection is there, but not fit for use yet
  | { is: 'ready' }
  | { is: 'closed'; why: Error }

/** Answers that mean: not now. */
const later = /^(LOADING|NOSCRIPT|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|BUSY|UNBLOCKED)\b/

/** Between two tries, in ms. */
const pause = 200

export function createLink(options: LinkOptions, listener: LinkListener): Link {
  const { url, patience, channel, greeting } = options
  const jobs = new Set<Job>() // in order, until they are answered
  let state: State = { is: 'away' }
  let trouble: Error | undefined
  let retry: NodeJS.Timeout | undefined
  const clients = connect().catch(give)

  return { run, close }

  function run(name: ScriptName, keys: readonly string[], values: readonly string[]): Promise<unknown> {
    if (state.is === 'closed') return Promise.reject(state.why)
    const { promise, resolve, reject } = deferred()
    const timer = setTimeout(() => expire(job), patience)
    const job: Job = { command: commandOf(name, keys, values), name, resolve, reject }
    jobs.add(job)
    if (state.is === 'ready') send(job)
    return promise.finally(() => clearTimeout(timer))
  }

  async function connect(): Promise<{ main: Client; ear: Client } | undefined> {
    const { createClient } = await import('redis').catch(error => {
      throw new Error('redisLog needs the package redis: npm install redis', { cause: error })
    })
    const main: Client = createClient({
      url,
      disableOfflineQueue: true, // what waits, waits here: in order
      pingInterval: 5_000,
      socket: {
        connectTimeout: 5_000,
        socketTimeout: 15_000, // pings go out every 5 s: a connection this quiet is dead
        reconnectStrategy: tries => Math.min(2_000, 50 * 2 ** tries) * (0.5 + Math.random() / 2),
      },
    })
    const ear = main.duplicate({ disableOfflineQueue: false })
    for (const client of [main, ear]) client.on('error', fail)
    main.on('ready', () => void greet(main))
    main.on('reconnecting', () => leave({ is: 'away' }))
    ear.on('ready', () => void follow(ear))
    if (isClosed()) return undefined
    for (const client of [main, ear]) void client.connect().catch(fail)
    return { main, ear }
  }

  /** To ask again for what one has is free, and the first time may have been lost with the connection. */
  async function follow(ear: Client): Promise<void> {
    try {
      await ear.subscribe(channel, listener.heard)
      if (state.is !== 'ready') return
      trouble = undefined
      listener.ready()
    } catch (error) {
      fail(error as Error)
    }
  }

  /** A Redis that was started anew knows no scripts. */
  async function greet(client: Client): Promise<void> {
    if (isClosed()) return
    const mine: State = { is: 'greeting' }
    leave(mine)
    try {
      for (const script of Object.values(scripts)) await client.scriptLoad(script)
      const info = await client.info()
      checkPolicy(info)
      const [, run = ''] = /^run_id:(\w+)/m.exec(info) ?? []
      const { name, keys, values } = greeting(run)
      await client.sendCommand([...commandOf(name, keys, values)])
    } catch (error) {
      // A connection that broke meanwhile begins anew by itself.
      if (state !== mine) return
      fail(error as Error)
      retry = setTimeout(() => client.isReady && greet(client), pause)
      return
    }
    if (state !== mine) return
    state = { is: 'ready' }
    trouble = undefined
    for (const job of jobs) send(job)
    listener.ready()
  }

  function send(job: Job): void {
    const sentBy = state
    clients
      .then(open => open?.main.sendCommand([...job.command]))
      .then(
        reply => void (jobs.delete(job) && job.resolve(reply)),
        error => refused(job, sentBy, error),
      )
  }

  /** What was on its way when the connection broke is sent again when there is another. */
  async function refused(job: Job, sentBy: State, error: Error): Promise<void> {
    const { ErrorReply } = await import('redis')
    if (!(error instanceof ErrorReply)) return
    if (!later.test(error.message)) {
      if (jobs.delete(job)) job.reject(new Error(`Redis refused: ${error.message}`, { cause: error }))
    } else if (state === sentBy) {
      fail(error)
      leave({ is: 'away' })
      const open = await clients
      retry = setTimeout(() => open?.main.isReady && greet(open.main), pause)
    }
  }

  function expire(job: Job): void {
    if (!jobs.delete(job)) return
    const why = trouble ? ` (${trouble.message})` : ''
    const doubt = job.name === 'append' ? '; whether the message was kept is not known' : ''
    job.reject(new Error(`Redis did not answer within ${patience} ms${why}${doubt}`, { cause: trouble }))
  }

  function leave(next: State): void {
    clearTimeout(retry)
    if (!isClosed()) state = next
  }

  function fail(error: Error): void {
    if (trouble || isClosed()) return
    trouble = error
    listener.failed(new Error(`Redis is out of reach: ${error.message}; trying again`, { cause: error }))
  }

  /** Nothing will ever come of it. */
  function give(error: Error): undefined {
    listener.failed(error)
    end(error)
    return undefined
  }

  function isClosed(): boolean {
    return state.is === 'closed'
  }

  async function close(): Promise<void> {
    const answered = state.is === 'ready'
    end(new Error('the log is closed'), answered)
    const open = await clients
    for (const client of open ? [open.ear, open.main] : []) {
      if (client.isReady) await client.close().catch(() => client.destroy())
      else if (client.isOpen) client.destroy()
    }
    refuseAll()
  }

  function end(why: Error, keep = false): void {
    if (isClosed()) return
    leave({ is: 'closed', why })
    if (!keep) refuseAll()
  }

  function refuseAll(): void {
    if (state.is !== 'closed') return
    for (const job of jobs) job.reject(state.why)
    jobs.clear()
  }
}

const hashes = Object.fromEntries(
  Object.entries(scripts).map(([name, script]) => [name, createHash('sha1').update(script).digest('hex')]),
) as Record<ScriptName, string>

/** What Redis throws away by itself nobody is told of. Keys that expire are at most worth a repeated publish. */
function checkPolicy(info: string): void {
  const [, policy] = /^maxmemory_policy:(allkeys\S*)/m.exec(info) ?? []
  if (policy) throw new Error(`its maxmemory-policy ${policy} would lose messages; set it to noeviction`)
}

function commandOf(name: ScriptName, keys: readonly string[], values: readonly string[]): readonly string[] {
  return ['EVALSHA', hashes[name], String(keys.length), ...keys, ...values]
}

function deferred(): Pick<Job, 'resolve' | 'reject'> & { promise: Promise<unknown> } {
  let resolve: Job['resolve'] = () => {}
  let reject: Job['reject'] = () => {}
  const promise = new Promise<unknown>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}
