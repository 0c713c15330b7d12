import { randomBytes } from 'node:crypto'
import {
  AckPolicy,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  ReplayPolicy,
  StorageType,
  type StreamInfo,
} from '@nats-io/jetstream'
import {
  connect,
  headers as createHeaders,
  createInbox,
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  type NodeConnectionOptions,
  nanos,
} from '@nats-io/transport-node'
import { randomName } from '../random.ts'
import { type Life, readMarker, writeMarker } from './nats-eras.ts'

/** A message of the stream, or of its headers alone. */
export interface Heard {
  readonly subject: string
  /** Its number in the stream. */
  readonly at: number
  /** Milliseconds of the epoch, by the clock of the server. */
  readonly time: number
  header(name: string): string
  readonly text: string
}

/** A connection that can be used. */
export interface At {
  readonly nc: NatsConnection
  readonly js: JetStreamClient
  readonly jsm: JetStreamManager
}

/** A way to NATS that outlives its connections. */
export interface Link {
  /**
   * Acts as soon as there is a connection, in the order of the calls; once more on the next one if it breaks meanwhile, so it must do no harm when it is done twice. Rejects when
   * NATS refuses, or has not answered for `patience` ms; `doubt` is what to say then.
   */
  ask<T>(act: (at: At) => Promise<T>, doubt?: string): Promise<T>
  /** Now or never. */
  pass(subject: string, text: string, headers: Readonly<Record<string, string>>): void
  /** The connection cannot be used any more. */
  lost(error: Error): void
  /** Whether an answer can be expected soon: false from a failure that was told until there is a connection again. */
  readonly reachable: boolean
  close(): Promise<void>
}

export interface LinkOptions {
  /** What the client connects with. */
  connection: NodeConnectionOptions
  patience: number
  /** Milliseconds between two signs of life of whoever sends what is heard. */
  check: number
  stream: { name: string; storage: 'file' | 'memory'; replicas: number; maxBytes: number }
  subjects: { kept: readonly string[]; passed: string; marker: string }
}

export interface LinkListener {
  /** What was known of the log on the connection before, if there was one. */
  life(): Life | undefined
  /** What the stream is, on each connection. Says after which of its numbers to hear; `isAnew` if all up to `last` comes without texts. */
  begin(life: Life, last: number): { after: number; isAnew: boolean }
  heard(message: Heard): void
  /** Nothing is there up to this number, any more. */
  skipped(to: number): void
  /** All that came without texts has been heard. */
  reread(): void
  passed(message: Pick<Heard, 'subject' | 'header' | 'text'>): void
  /** NATS is out of reach, told once until it has been back for a while. */
  failed(error: Error): void
}

/** NATS has said no, or we do: asking again would not help. */
export class Refused extends Error {}

interface Job {
  act(at: At): Promise<unknown>
  resolve(value: unknown): void
  reject(error: Error): void
}

/** What is to be heard: what follows `after`. Up to `exists` the stream has, or had, something. */
interface Hearing {
  readonly after: number
  readonly exists: number
  readonly headersOnly: boolean
}

type State =
  | { is: 'away'; retry?: NodeJS.Timeout } // nothing is sent
  | { is: 'connecting' | 'ready'; at: At | undefined; since: number; end: AbortController }
  | { is: 'closed'; why: Error }

/** A connection that lasted so long, in ms, was well: what ends it is a new trouble, and the next try comes at once. */
const settled = 2_000

/** How long there may be no connection, in ms, until that is told: most restarts are over by then. */
const grace = 1_000

/** What the server says when there is no room. */
const noRoom = [10_023, 10_028, 10_047, 10_054, 10_077]

/** No sign of life may be asked for more often, in ms. */
const shortestBeat = 100

export function createLink(options: LinkOptions, listener: LinkListener): Link {
  const { patience, stream, subjects } = options
  const jobs = new Set<Job>() // in order, until they are answered
  const self = randomName(9)
  let hasBegun = false // an era, for what was done while this node was not there
  let state: State = { is: 'away' }
  let tries = 0
  let trouble: Error | undefined // the latest
  let told = false
  let waiting: NodeJS.Timeout | undefined
  queueMicrotask(open)

  return {
    ask,
    pass,
    lost,
    get reachable() {
      return state.is === 'ready' || (state.is !== 'closed' && !told)
    },
    close,
  }

  function ask<T>(act: (at: At) => Promise<T>, doubt = ''): Promise<T> {
    if (state.is === 'closed') return Promise.reject(state.why)
    return new Promise<T>((resolve, reject) => {
      // A process that was busy meanwhile has not read what came: it is read before the job is given up.
      const timer = setTimeout(() => setImmediate(expire, doubt), patience)
      const settle = (end: () => void) => {
        clearTimeout(timer)
        if (jobs.delete(job)) end()
      }
      const job: Job = {
        act,
        resolve: value => settle(() => resolve(value as T)),
        reject: error => settle(() => reject(error)),
      }
      const expire = (doubt: string) => {
        const why = trouble ? ` (${trouble.message})` : ''
        job.reject(new Error(`NATS did not answer within ${patience} ms${why}${doubt}`, { cause: trouble }))
      }
      jobs.add(job)
      if (state.is === 'ready' && state.at) send(job, state.at)
    })
  }

  function send(job: Job, at: At): void {
    const act = async () => job.act(at)
    act().then(job.resolve, (error: Error) => {
      if (isRefusal(error)) job.reject(error)
      else if (isCurrent(at)) lost(error)
    })
  }

  function isCurrent(at: At): boolean {
    return (state.is === 'ready' || state.is === 'connecting') && state.at === at
  }

  function open(): void {
    if (state.is !== 'away') return
    const mine: State = { is: 'connecting', at: undefined, since: Date.now(), end: new AbortController() }
    state = mine
    begin(mine).catch(error => {
      if (state === mine) lost(error)
    })
  }

  async function begin(mine: State & { is: 'connecting' | 'ready' }): Promise<void> {
    const { signal } = mine.end
    const nc = await connect({
      name: 'throughline',
      ...options.connection,
      timeout: patience,
      reconnect: false,
    })
    signal.addEventListener('abort', () => void nc.close().catch(() => {}))
    if (signal.aborted) return void nc.close().catch(() => {})
    void nc.closed().then(error => {
      if (state === mine) lost(error instanceof Error ? error : new Error('the connection was closed'))
    })
    const at = {
      nc,
      js: jetstream(nc, { timeout: patience }),
      jsm: await jetstreamManager(nc, { timeout: patience, checkAPI: false }),
    }
    mine.at = at
    hearPassing(nc)
    await openStream(at)
    const life = await beginEra(at)
    const { state: found } = await at.jsm.streams.info(stream.name)
    if (signal.aborted) return
    const { after, isAnew } = listener.begin(life, found.last_seq)
    const end = isAnew ? await reread(at, after, found.last_seq, signal) : after
    if (signal.aborted) return
    if (isAnew) listener.reread()
    await follow(at, { after: end, exists: found.last_seq, headersOnly: false }, signal)
    if (state !== mine) return
    mine.is = 'ready'
    mine.since = Date.now()
    trouble = undefined
    for (const job of jobs) send(job, at)
  }

  function hearPassing(nc: NatsConnection): void {
    nc.subscribe(subjects.passed, {
      callback(error, message) {
        if (!error) listener.passed(contentOf(message))
      },
    })
  }

  async function openStream({ jsm }: At): Promise<void> {
    const { config } = await jsm.streams.info(stream.name).catch(error => {
      if (!(error instanceof JetStreamApiError) || error.code !== 10_059) throw error
      return makeStream(jsm)
    })
    const isLossy = config.discard !== DiscardPolicy.New && (config.max_msgs > 0 || config.max_bytes > 0)
    if (isLossy || config.max_age > 0 || config.max_msgs_per_subject > 0)
      throw new Error(
        `the stream ${stream.name} throws messages away by itself (max_age, max_msgs_per_subject, or discard: old); make it anew, or let natsLog make it`,
      )
  }

  async function makeStream(jsm: JetStreamManager): Promise<StreamInfo> {
    const made = {
      name: stream.name,
      subjects: [...subjects.kept],
      storage: stream.storage === 'file' ? StorageType.File : StorageType.Memory,
      num_replicas: stream.replicas,
      max_bytes: Number.isFinite(stream.maxBytes) ? stream.maxBytes : -1,
      discard: DiscardPolicy.New,
      allow_direct: true,
      // What is asked again is known to have been kept for as long as anybody asks again.
      duplicate_window: nanos(Math.max(120_000, 2 * patience)),
    }
    // Of two nodes one makes it.
    return jsm.streams.add(made).catch(() => jsm.streams.info(stream.name))
  }

  /** Of two that begin one at the same time one succeeds, and the other looks again. */
  async function beginEra(at: At): Promise<Life> {
    const { nc, js, jsm } = at
    const run = nc.info?.server_id ?? ''
    for (;;) {
      const found = await jsm.streams
        .getMessage(stream.name, { last_by_subj: subjects.marker })
        .catch(nothing)
      const life = await newest(at, found ? readMarker(found.string(), found.seq) : undefined)
      if (life && hasBegun && life.eras.some(era => era.run === run)) return life
      const key = randomBytes(4).readUInt32LE()
      const marker = writeMarker(life, randomName(6), key, run)
      const expect = { lastSubjectSequence: found?.seq ?? 0 }
      const msgID = `${self}:${randomName(6)}`
      const { seq } = await js.publish(subjects.marker, marker, { expect, msgID }).catch(unlessWrong)
      hasBegun ||= seq > 0
      if (seq > 0) return readMarker(marker, seq) as Life
    }
  }

  /** No marker that was there is left out of those that follow: one that this node knows, and that is still there, counts before an older one that was found. */
  async function newest({ jsm }: At, found: Life | undefined): Promise<Life | undefined> {
    const known = listener.life()
    const [mine, theirs] = [known?.eras.at(-1), found?.eras.at(-1)]
    if (!mine || mine.at <= (theirs?.at ?? 0)) return found
    const kept = await jsm.streams.getMessage(stream.name, { seq: mine.at }).catch(nothing)
    const marker = kept ? readMarker(kept.string(), mine.at)?.eras.at(-1) : undefined
    return marker?.key === mine.key && marker.run === mine.run ? known : found
  }

  /** Hears anew what there is, without texts; resolves when all up to `until` was heard. */
  async function reread(at: At, after: number, until: number, signal: AbortSignal): Promise<number> {
    if (until <= after) return after
    const { promise, resolve } = createDeferred<void>()
    const hearing: Hearing = { after, exists: until, headersOnly: true }
    const stop = await follow(at, hearing, signal, (last, pending) => {
      if (last >= until || pending === 0) resolve()
    })
    await Promise.race([promise, aborted(signal)])
    stop()
    return until
  }

  /**
   * Hears on from there. A server may pass over messages that are kept while it delivers the newest (2.9 does, when others are taken out), and one that was taken out is passed over
   * rightly: where one is missing it is heard anew from there, by a consumer that begins when the next one is known to be there, which does not err.
   */
  async function follow(
    at: At,
    { after, exists, headersOnly }: Hearing,
    signal: AbortSignal,
    came: (last: number, pending: number) => void = () => {},
  ): Promise<() => void> {
    const { nc, jsm } = at
    const inbox = createInbox()
    const beat = Math.max(shortestBeat, options.check)
    let [last, next, heardAt, isOver] = [after, 1, Date.now(), false]
    const subscription = nc.subscribe(inbox, { callback: (error, message) => void (error || hear(message)) })
    const watch = setInterval(look, Math.min(patience / 2, 1_000))
    signal.addEventListener('abort', stop)
    const adding = jsm.consumers.add(stream.name, {
      deliver_subject: inbox,
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: after + 1,
      ack_policy: AckPolicy.None,
      replay_policy: ReplayPolicy.Instant,
      max_deliver: 1,
      flow_control: true,
      idle_heartbeat: nanos(beat),
      mem_storage: true,
      num_replicas: 1,
      inactive_threshold: nanos(30_000),
      headers_only: headersOnly,
    })
    const info = await adding
    if (info.num_pending === 0 && next === 1 && !isOver) {
      if (exists > last) listener.skipped(exists)
      last = Math.max(last, exists)
      came(last, 0)
    }
    return stop

    function hear(message: Msg): void {
      heardAt = Date.now()
      if (isOver) return
      if (message.headers?.code === 100) return answer(message)
      const place = readReply(message.reply ?? '')
      if (place.delivered !== next++ || (place.at > last + 1 && place.at > exists)) return again(place.at)
      if (headersOnly && place.at > exists) return came(place.at, place.pending)
      last = place.at
      listener.heard({ ...contentOf(message), at: place.at, time: place.time })
      came(last, place.pending)
    }

    /** The server waits for that, before it goes on. */
    function answer({ headers, reply }: Msg): void {
      const stalled = headers?.get('Nats-Consumer-Stalled')
      if (stalled) nc.publish(stalled)
      else if (reply) nc.publish(reply)
      const passed = Number(headers?.get('Nats-Last-Stream'))
      const delivered = headers?.get('Nats-Last-Consumer')
      if (delivered && (Number(delivered) >= next || passed > last)) again(Math.max(passed, last + 1))
    }

    /** `exists`: the newest of which is known that it is, or was, there. */
    function again(exists: number): void {
      if (isOver || signal.aborted) return
      stop()
      // What it delivers may be heard before it is known by name.
      void adding.then(({ name }) => jsm.consumers.delete(stream.name, name)).catch(() => {})
      follow(at, { after: last, exists, headersOnly }, signal, came).catch(error => lostHere(error.message))
    }

    /** A process that was busy meanwhile has not read what came: it is read before this is decided. */
    function look(): void {
      const before = heardAt
      if (Date.now() - heardAt <= Math.max(patience, 2 * beat)) return
      setImmediate(() => {
        if (heardAt === before) lostHere(`nothing was heard for ${patience} ms`)
      })
    }

    function lostHere(why: string): void {
      if (isCurrent(at)) lost(new Error(why))
    }

    function stop(): void {
      isOver = true
      clearInterval(watch)
      signal.removeEventListener('abort', stop)
      subscription.unsubscribe()
    }
  }

  function pass(subject: string, text: string, headers: Readonly<Record<string, string>>): void {
    if (state.is !== 'ready' || !state.at) return
    const { nc } = state.at
    nc.publish(subject, text, { headers: headersOf(headers) })
  }

  /** What was on its way is asked again when there is another connection. */
  function lost(error: Error): void {
    if (state.is === 'closed' || state.is === 'away') return
    const wasWell = state.is === 'ready' && Date.now() - state.since >= settled
    state.end.abort()
    if (wasWell) told = false
    tries = wasWell ? 0 : tries + 1
    trouble = error
    const pause = tries && Math.min(2_000, 25 * 2 ** tries) * (0.5 + Math.random() / 2)
    state = { is: 'away', retry: setTimeout(open, pause) }
    waiting ??= setTimeout(tell, grace)
  }

  function tell(): void {
    waiting = undefined
    if (told || !trouble) return
    told = true
    listener.failed(new Error(`NATS is out of reach: ${trouble.message}; trying again`, { cause: trouble }))
  }

  async function close(): Promise<void> {
    if (state.is === 'closed') return
    const why = new Error('the log is closed')
    const { at } = 'at' in state ? state : {}
    const wasReady = state.is === 'ready'
    if (wasReady) await settle()
    clearTimeout(waiting)
    if (state.is === 'away') clearTimeout(state.retry)
    if ('end' in state) state.end.abort()
    state = { is: 'closed', why }
    for (const job of jobs) job.reject(why)
    await at?.nc.close().catch(() => {})
  }

  /** What was asked for is finished, or its time is over. */
  async function settle(): Promise<void> {
    while (jobs.size > 0 && state.is === 'ready') await new Promise(resolve => setTimeout(resolve, 5))
  }
}

/** Of a message, what it says. */
function contentOf(message: Msg): Pick<Heard, 'subject' | 'header' | 'text'> {
  return {
    subject: message.subject,
    header: name => message.headers?.get(name) ?? '',
    get text() {
      return message.string()
    },
  }
}

export function isRefusal(error: unknown): boolean {
  if (!(error instanceof JetStreamApiError)) return error instanceof Refused || error instanceof TypeError
  return noRoom.includes(error.code) || (error.status >= 400 && error.status < 404)
}

/** Whether it was refused for want of room. */
export function isFull(error: unknown): boolean {
  return error instanceof JetStreamApiError && noRoom.includes(error.code)
}

/** A publish that named another number than the newest of its subject has none. */
export function unlessWrong(error: unknown): { seq: number } {
  if (error instanceof JetStreamApiError && [10_071, 10_164].includes(error.code)) return { seq: 0 }
  throw error
}

/** What is not there is an error to some servers. */
export function nothing(error: unknown): null {
  if (error instanceof JetStreamApiError && error.code === 10_037) return null
  throw error
}

/** `$JS.ACK.stream.consumer.tries.at.delivered.time.pending`; newer servers have a domain and an account before the stream. */
function readReply(reply: string): { at: number; delivered: number; time: number; pending: number } {
  const tokens = reply.split('.')
  const numbers = tokens.slice(tokens.length === 9 ? 5 : 7)
  const [at = 0, delivered = 0, time = 0, pending = 0] = numbers.map(Number)
  return { at, delivered, time: Math.floor(time / 1e6), pending }
}

export function headersOf(values: Readonly<Record<string, string>>): MsgHdrs {
  const made = createHeaders()
  for (const [name, value] of Object.entries(values)) made.set(name, value)
  return made
}

function createDeferred<T>(): { promise: Promise<T>; resolve(value: T): void } {
  let resolve: (value: T) => void = () => {}
  const promise = new Promise<T>(settle => {
    resolve = settle
  })
  return { promise, resolve }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = () => reject(new Error('the connection was given up'))
    if (signal.aborted) fail()
    else signal.addEventListener('abort', fail)
  })
}
