import { type Client, clientOf, type Library } from './redis-connection.ts'
import { hostIn, type RedisClientOptions, type RedisNat, shown, type Way } from './redis-options.ts'
import { createWatch } from './watch.ts'

/** Finds the Redis that takes what is written. */
export interface Finder {
  /** Its address. `lost` is why the one before is not used any more. */
  find(lost: Error | undefined): Promise<string>
  close(): void
}

export interface FinderOptions {
  way: Way
  client: RedisClientOptions
  /** A key of the log: all of them are on one node. */
  key: string
  patience: number
  check: number
}

/** How long one who was asked has, in ms, until the next is asked as well. */
const hedge = 250

/** How long one who was asked has at all, in ms. */
const longest = 5_000

/** How many nodes of a cluster are remembered. */
const nodesKnown = 100

/** `moved` is called when the one that was found last is known to be the wrong one. */
export function createFinder(library: Library, options: FinderOptions, moved: (why: Error) => void): Finder {
  const { way } = options
  if (way.by === 'cluster') return inCluster(library, options, way)
  if (way.by === 'sentinel') return bySentinels(library, options, way, moved)
  return { find: async lost => movedTo(lost, way.url) ?? way.url, close() {} }
}

/**
 * Any node of a cluster knows who has the log. A node that had it says itself where it has gone. If that leads nowhere, the
 * others are asked, each time another one first: one that is cut off from the rest would go on saying what was.
 */
function inCluster(
  library: Library,
  { client, key }: FinderOptions,
  { urls, nat }: Extract<Way, { by: 'cluster' }>,
): Finder {
  const poll = createPoll(library, client)
  let known = new Set(urls)
  let current = urls[0] ?? ''
  let turn = 0
  return { find, close: poll.close }

  async function find(lost: Error | undefined): Promise<string> {
    const told = movedTo(lost, current, nat)
    if (told) {
      current = told
      return told
    }
    const { answer, node } = await poll.ask(rotated([...known], turn++), whoHas)
    node.destroy()
    known = new Set([...urls, ...answer.slice(0, nodesKnown)])
    current = answer[0] ?? current
    return current
  }

  /** The node that has the log first, then the others. */
  async function whoHas(node: Client, url: string): Promise<string[]> {
    const [slot, slots] = await Promise.all([
      node.sendCommand(['CLUSTER', 'KEYSLOT', key]),
      node.sendCommand(['CLUSTER', 'SLOTS']),
    ])
    const ranges = slots as [from: number, to: number, ...nodes: [host: string | null, port: number][]][]
    const range = ranges.find(([from, to]) => from <= Number(slot) && Number(slot) <= to)
    if (!range) throw new Error(`CLUSTERDOWN nobody has slot ${slot}, where the log is`)
    const at = ([, , ...nodes]: (typeof ranges)[number]) =>
      nodes.map(([host, port]) => elsewhere(url, String(host ?? ''), port, nat))
    return [...new Set([...at(range), ...ranges.flatMap(at)])]
  }
}

/**
 * Sentinels agree on who is the primary. One of them stays connected and says at once when they choose another; the primary
 * itself is asked for its role by whoever connects to it.
 */
function bySentinels(
  library: Library,
  { patience, check }: FinderOptions,
  { name, urls, nat, client, scheme }: Extract<Way, { by: 'sentinel' }>,
  moved: (why: Error) => void,
): Finder {
  const poll = createPoll(library, { ...client, RESP: 3 }) // one connection asks and hears
  let latest: Told | undefined
  let guard: { end(): void } | undefined
  let again: NodeJS.Timeout | undefined
  let turn = 0
  return { find, close }

  async function find(): Promise<string> {
    dismiss()
    const { answer, node } = await poll.ask(rotated(urls, turn++), whoIs)
    dismiss()
    take(answer, node)
    return answer.address
  }

  /** Hears first and asks then, so that nothing is missed in between. */
  async function whoIs(node: Client): Promise<Told> {
    const told: Told = { address: '' }
    await node.subscribe(['+switch-master'], news => {
      const [which, , , host, port] = news.split(' ')
      if (which !== name || !host) return
      told.address = addressOf(host, Number(port))
      if (told === latest) moved(choice(told))
    })
    const answer = await node.sendCommand(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name])
    if (!Array.isArray(answer)) throw new Error(`it knows no primary named ${name}`)
    const [host, port] = answer
    told.address ||= addressOf(String(host), Number(port))
    return told
  }

  function take(told: Told, node: Client): void {
    if (poll.isClosed()) return void node.destroy()
    latest = told
    guard = watch(node)
  }

  function addressOf(host: string, port: number): string {
    return elsewhere(`${scheme}//${hostIn(host)}:${port}`, host, port, nat)
  }

  /** A sentinel that leads nowhere is replaced by another, which may know more. */
  function watch(node: Client): { end(): void } {
    const watched = createWatch(patience, replace)
    const clock = setInterval(() => {
      watched.asked()
      node.sendCommand(['PING']).then(watched.answered, replace)
    }, check).unref()
    node.on('error', replace)
    const self = { end }
    return self

    function replace(): void {
      if (guard !== self) return
      dismiss()
      again = setTimeout(lookAround, check).unref()
    }

    function end(): void {
      clearInterval(clock)
      watched.end()
      node.destroy()
    }
  }

  async function lookAround(): Promise<void> {
    const before = latest
    try {
      const { answer, node } = await poll.ask(rotated(urls, turn++), whoIs)
      if (before !== latest) return void node.destroy() // it was looked for meanwhile
      take(answer, node)
      if (before?.address !== answer.address) moved(choice(answer))
    } catch {
      if (!poll.isClosed() && !guard) again = setTimeout(lookAround, check).unref()
    }
  }

  function dismiss(): void {
    clearTimeout(again)
    guard?.end()
    guard = undefined
  }

  function close(): void {
    poll.close()
    dismiss()
  }
}

/** Where a sentinel says the primary is; kept up to date. */
interface Told {
  address: string
}

function choice({ address }: Told): Error {
  return new Error(`the sentinels made ${shown(address)} the primary`)
}

interface Answered<T> {
  answer: T
  /** Who gave it; still connected. */
  node: Client
}

interface Poll {
  /**
   * The first answer. All are asked, one after the other; one that is slow does not keep the next from being asked. Rejects
   * with the reasons of all.
   */
  ask<T>(urls: readonly string[], question: (node: Client, url: string) => Promise<T>): Promise<Answered<T>>
  isClosed(): boolean
  close(): void
}

function createPoll(library: Library, client: RedisClientOptions): Poll {
  const open = new Set<() => void>() // ends a question
  let closed = false
  return { ask, isClosed: () => closed, close }

  function ask<T>(
    urls: readonly string[],
    question: (node: Client, url: string) => Promise<T>,
  ): Promise<Answered<T>> {
    return new Promise((resolve, reject) => {
      const asking = new Set<Client>()
      const reasons: string[] = []
      const waiting = [...urls]
      let next: NodeJS.Timeout | undefined
      open.add(end)
      if (closed) end()
      else askNext()

      function askNext(): void {
        clearTimeout(next)
        const url = waiting.shift()
        if (url === undefined) {
          if (asking.size === 0) end()
          return
        }
        next = setTimeout(askNext, hedge)
        const node = clientOf(library, client, url)
        asking.add(node)
        node.on('error', () => {})
        inTime(put(node, url)).then(
          answer => {
            if (!asking.delete(node)) return
            resolve({ answer, node })
            end()
          },
          error => {
            if (!asking.delete(node)) return
            node.destroy()
            reasons.push(`${shown(url)}: ${error instanceof Error ? error.message : error}`)
            askNext()
          },
        )
      }

      async function put(node: Client, url: string): Promise<T> {
        await node.connect()
        return question(node, url)
      }

      function end(): void {
        open.delete(end)
        clearTimeout(next)
        for (const node of asking) node.destroy()
        asking.clear()
        reject(new Error(`nobody says where the primary is (${reasons.join('; ')})`))
      }
    })
  }

  function close(): void {
    closed = true
    for (const end of open) end()
  }
}

function inTime<T>(answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`no answer within ${longest} ms`)), longest)
    answer.finally(() => clearTimeout(late)).then(resolve, reject)
  })
}

/** Another begins each time. */
function rotated<T>(list: readonly T[], turn: number): T[] {
  const at = turn % Math.max(1, list.length)
  return [...list.slice(at), ...list.slice(0, at)]
}

/** Where a node says that the log has gone. */
function movedTo(lost: Error | undefined, url: string, nat?: RedisNat): string | undefined {
  const [, host = '', port] = /\bMOVED \d+ (\S*):(\d+)/.exec(lost?.message ?? '') ?? []
  return port === undefined ? undefined : elsewhere(url, host, Number(port), nat)
}

/** The same way to another node. One that does not say its host is on the one that was asked. */
function elsewhere(url: string, host: string, port: number, nat: RedisNat | undefined): string {
  const named = host && host !== '?' ? host : new URL(url).hostname.replace(/^\[|\]$/g, '')
  const address = `${named}:${port}`
  const mapped = typeof nat === 'function' ? nat(address) : nat?.[address]
  const other = new URL(url)
  other.hostname = hostIn(mapped?.host ?? named)
  other.port = String(mapped?.port ?? port)
  return other.href
}
