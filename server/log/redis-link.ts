import { createHash } from 'node:crypto'
import { createHistogram, type Histogram, latencyBounds } from '../operation/histogram.ts'
import { type Connection, createConnection, type Library } from './redis-connection.ts'
import type { RedisClientOptions, Way } from './redis-options.ts'
import { createFinder, type Finder } from './redis-primary.ts'
import { type ScriptName, scripts } from './redis-scripts.ts'

/** A way to Redis that outlives its connections. */
export interface Link {
  /**
   * Runs a script. Scripts run in the order they were asked for, also those that had to be asked for again because the
   * connection broke: each must do no harm when it runs twice. Rejects when Redis does not answer for `patience` ms.
   */
  run(name: ScriptName, keys: readonly string[], values: readonly string[]): Promise<unknown>
  /** Has these channels heard. Rejects when Redis refuses, or does not answer for `patience` ms. */
  subscribe(channels: readonly string[]): Promise<void>
  unsubscribe(channels: readonly string[]): void
  /** Whether an answer can be expected soon: false from a failure that was told until there is a connection again. */
  readonly reachable: boolean
  /** The address of the Redis that is used, or was used last. */
  readonly where: URL | undefined
  /** How long Redis took to answer what was sent, in seconds. */
  readonly latency: Histogram
  /** How often a connection was there again. */
  readonly reconnects: number
  close(): Promise<void>
}

export interface LinkOptions {
  /** How the Redis is found that takes what is written. */
  way: Way
  client: RedisClientOptions
  patience: number
  /** On how many replicas a message has to be before that is told. */
  replicas: number
  /** Milliseconds between two looks at whether the connections lead somewhere, and Redis is fit for use. */
  check: number
  /** A key of the log: where it is, the log is. */
  key: string
  /** What is published there is heard from the beginning of each connection. */
  channels(): readonly string[]
  /** Runs first on each connection; told by which process Redis is, if it says so. */
  greeting(run: string | undefined): {
    name: ScriptName
    keys: readonly string[]
    values: readonly string[]
  }
}

export interface LinkListener {
  heard(text: string): void
  /** A connection is there again: something may have been missed. */
  ready(): void
  /** Redis is out of reach, told once until it has been back for a while; or it hides what should be known. */
  failed(error: Error): void
}

/** Channels that are to be heard. */
interface Asked {
  readonly channels: readonly string[]
  resolve(): void
  reject(error: Error): void
}

interface Job {
  readonly command: readonly string[]
  readonly name: ScriptName
  resolve(reply: unknown): void
  reject(error: Error): void
}

/** The answer of a job, held back. */
interface Kept {
  readonly job: Job
  readonly reply: unknown
}

type State =
  | { is: 'away'; retry?: NodeJS.Timeout } // nothing is sent
  | { is: 'looking' } // for the primary
  | { is: 'connecting'; connection: Connection }
  | { is: 'ready'; connection: Connection; since: number }
  | { is: 'closed'; why: Error }

/** A connection that lasted so long, in ms, was well: what ends it is a new trouble, and the next try comes at once. */
const settled = 2_000

/** How long Redis waits for its replicas at a time, in ms. */
const replicaWait = 20

/** How long there may be no connection, in ms, until that is told: most restarts are over by then. */
const grace = 1_000

export function createLink(options: LinkOptions, listener: LinkListener): Link {
  const { patience, greeting } = options
  const jobs = new Set<Job>() // in order, until they are answered
  const subscribing = new Set<Asked>()
  const hints = new Set<string>() // that were given
  let unsure: Kept[] = [] // on the primary, and it is not known where else
  let asking = false // whether they are on replicas
  let state: State = { is: 'away' }
  let finder: Finder | undefined
  let tries = 0
  let connects = 0
  let where: URL | undefined
  const latency = createHistogram(latencyBounds)
  let trouble: Error | undefined // the latest
  let told = false
  let away = 0 // since when
  let waiting: NodeJS.Timeout | undefined
  const library = load()
  void library.then(look)

  return {
    run,
    subscribe,
    unsubscribe,
    get reachable() {
      return state.is === 'ready' || (state.is !== 'closed' && !told)
    },
    get where() {
      return where
    },
    latency,
    get reconnects() {
      return Math.max(0, connects - 1)
    },
    close,
  }

  function run(name: ScriptName, keys: readonly string[], values: readonly string[]): Promise<unknown> {
    if (state.is === 'closed') return Promise.reject(state.why)
    return new Promise((resolve, reject) => {
      const job: Job = { command: commandOf(name, keys, values), name, resolve, reject }
      // A process that was busy meanwhile has not read what came: it is read before the job is given up.
      const timer = setTimeout(() => setImmediate(expire, job), patience)
      job.resolve = reply => {
        clearTimeout(timer)
        resolve(reply)
      }
      job.reject = error => {
        clearTimeout(timer)
        reject(error)
      }
      jobs.add(job)
      if (state.is === 'ready') send(job, state.connection)
    })
  }

  function subscribe(channels: readonly string[]): Promise<void> {
    if (state.is === 'closed') return Promise.reject(state.why)
    return new Promise((resolve, reject) => {
      const asked: Asked = {
        channels,
        resolve: () => {
          clearTimeout(timer)
          resolve()
        },
        reject: error => {
          clearTimeout(timer)
          reject(error)
        },
      }
      const timer = setTimeout(
        () => subscribing.delete(asked) && reject(new Error(`Redis did not answer within ${patience} ms`)),
        patience,
      )
      subscribing.add(asked)
      if (state.is === 'ready') ask(asked, state.connection)
    })
  }

  function ask(asked: Asked, connection: Connection): void {
    connection.subscribe(asked.channels).then(
      () => void (subscribing.delete(asked) && asked.resolve()),
      error => {
        if (subscribing.delete(asked))
          asked.reject(new Error(`Redis refused: ${error.message}`, { cause: error }))
      },
    )
  }

  function unsubscribe(channels: readonly string[]): void {
    if (state.is === 'ready') state.connection.unsubscribe(channels)
  }

  async function look(redis: Library | undefined): Promise<void> {
    if (!redis || state.is !== 'away') return
    state = { is: 'looking' }
    finder ??= createFinder(redis, options, moved)
    try {
      connect(redis, await finder.find(trouble))
    } catch (error) {
      if (stateNow().is === 'looking') lost(error as Error)
    }
  }

  /** What was awaited may have changed it. */
  function stateNow(): State {
    return state
  }

  function connect(redis: Library, url: string): void {
    if (state.is !== 'looking') return
    where = new URL(url)
    try {
      const connection = createConnection(
        redis,
        {
          ...options,
          url,
          sharded: options.way.by === 'cluster',
          scripts: Object.values(scripts),
          greeting(run) {
            const { name, keys, values } = greeting(run)
            return commandOf(name, keys, values)
          },
        },
        { heard: listener.heard, ready: () => ready(connection), lost, blind },
      )
      state = { is: 'connecting', connection }
    } catch (error) {
      give(error as Error)
    }
  }

  function ready(connection: Connection): void {
    state = { is: 'ready', connection, since: Date.now() }
    trouble = undefined
    connects++
    for (const job of jobs) send(job, connection)
    for (const asked of subscribing) ask(asked, connection)
    listener.ready()
  }

  function send(job: Job, connection: Connection): void {
    const sent = performance.now()
    connection.send(
      job.command,
      reply => {
        latency.observe((performance.now() - sent) / 1000)
        if (!options.replicas || job.name !== 'append') return answer({ job, reply })
        if (!isIn(connection)) return // it is sent again
        unsure.push({ job, reply })
        askReplicas(connection)
      },
      error => refuse(job, error),
    )
  }

  function isIn(connection: Connection): boolean {
    return state.is === 'ready' && state.connection === connection
  }

  function answer({ job, reply }: Kept): void {
    if (jobs.delete(job)) job.resolve(reply)
  }

  function refuse(job: Job, error: Error): void {
    if (jobs.delete(job)) job.reject(new Error(`Redis refused: ${error.message}`, { cause: error }))
  }

  /** Once for all that were kept until now. While Redis waits for replicas it answers nothing else here, so it waits briefly, and again. */
  function askReplicas(connection: Connection): void {
    if (asking || unsure.length === 0) return
    asking = true
    const all = unsure
    unsure = []
    connection.send(
      ['WAIT', String(options.replicas), String(replicaWait)],
      count => {
        if (!isIn(connection)) return
        asking = false
        if (Number(count) >= options.replicas) for (const each of all) answer(each)
        else unsure.unshift(...all.filter(({ job }) => jobs.has(job)))
        askReplicas(connection)
      },
      error => {
        asking = false
        for (const { job } of all) refuse(job, error)
        askReplicas(connection)
      },
    )
  }

  /** Another has become the primary. */
  function moved(why: Error): void {
    if ('connection' in state) state.connection.destroy()
    else if (state.is === 'away') clearTimeout(state.retry)
    else return
    lost(why, 'at once')
  }

  /** What was on its way is sent again when there is another connection. */
  function lost(error: Error, again?: 'at once'): void {
    const wasWell = state.is === 'ready' && Date.now() - state.since >= settled
    if (wasWell) told = false
    tries = wasWell ? 0 : tries + 1
    asking = false
    unsure = []
    if (!waiting) away = Date.now()
    trouble = error
    const pause = again || !tries ? 0 : Math.min(2_000, 25 * 2 ** tries) * (0.5 + Math.random() / 2)
    state = { is: 'away', retry: setTimeout(() => void library.then(look), pause) }
    waiting ??= setTimeout(tell, grace)
  }

  function tell(): void {
    waiting = undefined
    if (told || !trouble) return
    told = true
    const lasts = `for ${Date.now() - away} ms`
    listener.failed(
      new Error(`Redis is out of reach ${lasts}: ${trouble.message}; trying again`, { cause: trouble }),
    )
  }

  function blind(error: Error): void {
    if (hints.has(error.message)) return
    hints.add(error.message)
    listener.failed(error)
  }

  function expire(job: Job): void {
    if (!jobs.delete(job)) return
    const why = trouble ? ` (${trouble.message})` : ''
    const where = options.replicas ? ` on ${options.replicas + 1} servers` : ''
    const doubt = job.name === 'append' ? `; whether the message was kept${where} is not known` : ''
    job.reject(new Error(`Redis did not answer within ${patience} ms${why}${doubt}`, { cause: trouble }))
  }

  /** Bundlers let a package be missing whose import is in a `try`, and most who bundle this have no Redis. */
  async function load() {
    try {
      return await import('redis')
    } catch (cause) {
      give(new Error('redisLog needs the package redis: npm install redis', { cause }))
    }
  }

  /** Nothing will ever come of it. */
  function give(error: Error): void {
    end(error)
    refuseAll(error)
    listener.failed(error)
  }

  async function close(): Promise<void> {
    const { is } = state
    const connection = 'connection' in state ? state.connection : undefined
    const why = new Error('the log is closed')
    end(why)
    if (is === 'ready') await connection?.close()
    else connection?.destroy()
    refuseAll(why)
    await library
  }

  function end(why: Error): void {
    if (state.is === 'away') clearTimeout(state.retry)
    clearTimeout(waiting)
    finder?.close()
    if (state.is !== 'closed') state = { is: 'closed', why }
  }

  function refuseAll(why: Error): void {
    for (const waiting of [...jobs, ...subscribing]) waiting.reject(why)
    jobs.clear()
    subscribing.clear()
  }
}

const hashes = Object.fromEntries(
  Object.entries(scripts).map(([name, script]) => [name, createHash('sha1').update(script).digest('hex')]),
) as Record<ScriptName, string>

function commandOf(name: ScriptName, keys: readonly string[], values: readonly string[]): readonly string[] {
  return ['EVALSHA', hashes[name], String(keys.length), ...keys, ...values]
}
