import type { RedisClientOptions } from './redis-options.ts'
import { createWatch } from './watch.ts'

/** What is used of the package redis. */
export interface Library {
  createClient(options: object): Client
  ErrorReply: new (message: string) => Error
}

export interface Client {
  readonly isReady: boolean
  connect(): Promise<unknown>
  sendCommand(words: string[]): Promise<unknown>
  subscribe(channels: string[], heard: (text: string) => void): Promise<unknown>
  unsubscribe(channels: string[]): Promise<unknown>
  /** The same of channels that have slots. */
  sSubscribe(channels: string[], heard: (text: string) => void): Promise<unknown>
  sUnsubscribe(channels: string[]): Promise<unknown>
  on(name: 'error' | 'sharded-channel-moved', heard: (what: unknown) => void): unknown
  close(): Promise<unknown>
  destroy(): unknown
}

/** One way to Redis, from connecting until it breaks: a connection for commands, and one that hears what is published. */
export interface Connection {
  /** One of the two is called, unless the connection is lost first. */
  send(command: readonly string[], answered: (reply: unknown) => void, refused: (error: Error) => void): void
  /** Has these channels heard too. Rejects if Redis refuses; it never settles if the connection is lost first. */
  subscribe(channels: readonly string[]): Promise<void>
  unsubscribe(channels: readonly string[]): void
  /** Ends it when what was sent is answered. */
  close(): Promise<void>
  /** Ends it at once. */
  destroy(): void
}

export interface ConnectionOptions {
  url: string
  /** Whether channels have slots, if Redis knows that: from 7.0 on. */
  sharded: boolean
  client: RedisClientOptions
  /** Milliseconds without an answer after which a connection is dead. */
  patience: number
  /** Milliseconds between two looks at whether Redis is still fit for use. */
  check: number
  /** What is published there is heard from the beginning. */
  channels(): readonly string[]
  scripts: readonly string[]
  /** A command that makes Redis ready; told by which process Redis is, if it says so. */
  greeting(run: string | undefined): readonly string[]
}

export interface ConnectionListener {
  heard(text: string): void
  /** From now on commands can be sent. */
  ready(): void
  /** The last that is told. Commands that were on their way may have been carried out, or not. */
  lost(error: Error): void
  /** Redis hides something that should be known. */
  blind(error: Error): void
}

/** How many channels are asked for at once. */
const inOne = 1_000

/** How long connecting may take until it is ready, in ms. */
const handshake = 5_000

/**
 * Answers that mean: not here, or not now. A connection made anew may lead to a server that has loaded its data, to the new
 * primary, or to a server that was told the scripts. Redis 6 wraps what a command in a script was answered.
 */
const notHere =
  /(?:^|: -?)(LOADING|NOSCRIPT|READONLY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MOVED|ASK|BUSY|UNBLOCKED)\b/

export function createConnection(
  library: Library,
  { url, sharded, client: chosen, patience, check, channels, scripts, greeting }: ConnectionOptions,
  listener: ConnectionListener,
): Connection {
  const { ErrorReply } = library
  const main = clientOf(library, chosen, url)
  const ear = clientOf(library, chosen, url)
  const clients = [main, ear]
  const watches = new Map(clients.map(client => [client, createWatch(patience, silent)]))
  const deadline = setTimeout(() => lose(new Error(`no answer within ${handshake} ms`)), handshake)
  let clock: NodeJS.Timeout | undefined
  let isOver = false
  let hasSlots = sharded
  for (const client of clients) client.on('error', error => lose(error as Error))
  // Whoever has it now is found out.
  ear.on('sharded-channel-moved', () => lose(new Error('the slot of the log has moved')))
  open().catch(lose)

  return { send, subscribe, unsubscribe, close, destroy }

  async function open(): Promise<void> {
    await Promise.all(clients.map(client => client.connect()))
    const loading = scripts.map(script => ask(main, ['SCRIPT', 'LOAD', script]))
    const [run] = await Promise.all([look('everything'), ...loading])
    await Promise.all([ask(main, greeting(run)), hear(channels())])
    if (isOver) return
    clearTimeout(deadline)
    clock = setInterval(() => lookAgain().catch(lose), check).unref()
    listener.ready()
  }

  /** A connection on which only others speak has to be asked, else nobody notices that it leads nowhere. */
  async function lookAgain(): Promise<void> {
    await Promise.all([ask(ear, ['PING']), look('memory')])
  }

  /** Throws if this Redis cannot be used; gives back the id of its process, if it is told. */
  async function look(section: 'everything' | 'memory'): Promise<string | undefined> {
    const [hello, info] = await Promise.all([
      askIfAllowed(['HELLO']),
      askIfAllowed(section === 'memory' ? ['INFO', section] : ['INFO']),
    ])
    checkRole(hello)
    if (info === undefined) return undefined
    checkPolicy(String(info))
    return /^run_id:(\w+)/m.exec(String(info))?.[1]
  }

  /** Hosted servers refuse many users what only tells of the server: what is not known then is said. */
  async function askIfAllowed(command: readonly string[]): Promise<unknown> {
    try {
      return await ask(main, command)
    } catch (error) {
      if (!(error instanceof ErrorReply) || notHere.test(error.message)) throw error
      if (command[0] === 'INFO') listener.blind(hidden(error))
      return undefined
    }
  }

  async function ask(client: Client, command: readonly string[]): Promise<unknown> {
    const watch = watches.get(client)
    watch?.asked()
    try {
      return await client.sendCommand([...command])
    } finally {
      watch?.answered()
    }
  }

  function send(
    command: readonly string[],
    answered: (reply: unknown) => void,
    refused: (error: Error) => void,
  ): void {
    ask(main, command).then(answered, error => {
      if (!(error instanceof ErrorReply)) return // the connection broke, and says so itself
      if (notHere.test(error.message)) lose(error)
      else refused(error)
    })
  }

  /** What a connection broke of says so itself. */
  function subscribe(names: readonly string[]): Promise<void> {
    return new Promise((resolve, reject) => {
      hear(names).then(resolve, error => {
        if (!(error instanceof ErrorReply)) return
        if (notHere.test(error.message)) lose(error)
        else reject(error)
      })
    })
  }

  function unsubscribe(names: readonly string[]): void {
    const done = hasSlots ? ear.sUnsubscribe([...names]) : ear.unsubscribe([...names])
    done.catch(() => {})
  }

  /** So many at once that neither Redis nor others have to wait for long. */
  async function hear(names: readonly string[]): Promise<void> {
    const watch = watches.get(ear)
    for (let from = 0; from < names.length; from += inOne) {
      watch?.asked()
      try {
        await hearSome(names.slice(from, from + inOne))
      } finally {
        watch?.answered()
      }
    }
  }

  async function hearSome(names: string[]): Promise<void> {
    if (hasSlots) {
      try {
        return void (await ear.sSubscribe(names, listener.heard))
      } catch (error) {
        if (!(error instanceof ErrorReply && /unknown command/i.test(error.message))) throw error
        hasSlots = false
      }
    }
    await ear.subscribe(names, listener.heard)
  }

  function silent(): void {
    lose(new Error(`no answer within ${patience} ms`))
  }

  function lose(error: Error): void {
    if (isOver) return
    destroy()
    listener.lost(error)
  }

  async function close(): Promise<void> {
    end()
    const timer = setTimeout(destroy, patience)
    await Promise.all(clients.map(client => client.isReady && client.close())).catch(() => {})
    clearTimeout(timer)
    destroy()
  }

  function destroy(): void {
    end()
    for (const watch of watches.values()) watch.end()
    for (const client of clients) client.destroy()
  }

  function end(): void {
    isOver = true
    clearTimeout(deadline)
    clearInterval(clock)
  }
}

/** Not connected yet. It never connects anew by itself: that is for whoever looks for the primary. */
export function clientOf({ createClient }: Library, chosen: RedisClientOptions, url: string): Client {
  return createClient({
    ...chosen,
    url,
    disableOfflineQueue: true,
    socket: { connectTimeout: handshake, ...chosen.socket, reconnectStrategy: false },
  })
}

/** A replica would let a node read and hear, but refuse what it publishes. */
function checkRole(hello: unknown): void {
  const words = Array.isArray(hello) ? hello : Object.entries(hello ?? {}).flat()
  const role = words[words.indexOf('role') + 1]
  if (words.includes('role') && role !== 'master') throw new Error(`READONLY it is a ${role}`)
}

/** What Redis throws away by itself nobody is told of. Keys that expire are at most worth a repeated publish. */
function checkPolicy(info: string): void {
  const [, policy] = /^maxmemory_policy:(allkeys\S*)/m.exec(info) ?? []
  if (policy) throw new Error(`its maxmemory-policy ${policy} would lose messages; set it to noeviction`)
}

function hidden(cause: Error): Error {
  const what = 'Redis does not tell this user its maxmemory-policy'
  return new Error(`${what} (${cause.message}); see to it that it is noeviction, or allow INFO`, { cause })
}
