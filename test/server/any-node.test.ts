/** Several nodes behind a balancer that brings each request to the next one. */
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import {
  type AddressInfo,
  connect as connectTcp,
  createServer as createTcpServer,
  type Socket,
} from 'node:net'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { type HubOptions, memoryLog, redisLog } from '../../server/index.ts'
import type { Registry } from '../../server/log/log.ts'
import { natsLog } from '../../server/nats.ts'
import { connect, longPolling, native, race, websocket } from '../../src/core.ts'
import { fetchStreaming } from '../../src/transports/fetch-streaming.ts'
import { listen, message, post, type Stand, stand, until } from './harness.ts'
import { missingNats, type Nats, startNats } from './nats.ts'
import { missingRedis, startRedis } from './redis.ts'

const environment = { WebSocket }

/** Each has its own end of the log that `end` gives, if they do not share one in this process. */
async function nodes(count: number, { log = memoryLog(), ...options }: HubOptions = {}, end = () => log) {
  const all = await Promise.all(Array.from({ length: count }, () => stand({ ...options, log: end() })))
  const taken: string[] = []
  const told: string[] = []
  const errors: unknown[] = []
  for (const { hub } of all) {
    hub.on('message', ({ data }) => void taken.push(String(data)))
    hub.on('open', () => void told.push('open'))
    hub.on('close', () => void told.push('close'))
    hub.on('error', error => void errors.push(error))
  }
  const balancer = await balance(all)
  // Each of them knows of the others.
  await until(() => all.every(({ hub }) => hub.stats().nodes === count))
  return { all, taken, told, errors, ...balancer }
}

/** Brings each request to the next node that is there, and counts how many came to each. */
async function balance(all: readonly Stand[]) {
  let turn = 0
  let there = all
  const next = () => new URL(`http://${(there[turn++ % there.length] as Stand).host}`)
  const server = createServer((asked, answer) => {
    const { url, method, headers } = asked
    const { hostname, port } = next()
    const onward = request({ hostname, port, path: url, method, headers }, response => {
      answer.writeHead(response.statusCode ?? 500, response.headers)
      response.pipe(answer)
    })
    onward.on('error', () => answer.destroy())
    answer.once('close', () => onward.destroy())
    asked.pipe(onward)
  })
  server.on('upgrade', (asked, socket, head) => {
    const { hostname, port } = next()
    const lines = [`GET ${asked.url} HTTP/1.1`]
    for (let at = 0; at < asked.rawHeaders.length; at += 2)
      lines.push(`${asked.rawHeaders[at]}: ${asked.rawHeaders[at + 1]}`)
    const onward = connectTcp(Number(port), hostname)
    onward.write(`${lines.join('\r\n')}\r\n\r\n`)
    onward.write(head)
    socket.pipe(onward)
    onward.pipe(socket)
    for (const [one, other] of [
      [socket, onward],
      [onward, socket],
    ] as const)
      one.on('error', () => {}).once('close', () => other.destroy())
  })
  const sockets = new Set<Socket>()
  server.on('connection', socket => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  const leaveOut = (one: Stand) => {
    there = there.filter(each => each !== one)
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    cut()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/live`, cut, leaveOut }
}

function open(url: string, transport: Parameters<typeof connect>[1]['transport'], topic = 'x') {
  const heard: string[] = []
  const line = connect(`${url}?topic=${topic}`, { transport, dialect: native, environment })
  line.onmessage = ({ data }) => heard.push(String(data))
  onTestFinished(() => line.close())
  return { line, heard }
}

const transports = [
  ['websocket', websocket],
  ['streams', fetchStreaming],
  ['polls', longPolling],
  ['a race of all', race(websocket, fetchStreaming, longPolling)],
] as const

const numbers = (count: number) => Array.from({ length: count }, (_, index) => `${index}`)

it.each(['websocket', 'xhr-streaming', 'long-polling'] as const)(
  'a line over %s that begins before its node is listed is found by the others once it is open',
  async via => {
    const log = memoryLog()
    const registry = log.registry as Registry
    const slow: Registry = {
      ...registry,
      async compareAndSet(...asked) {
        await new Promise(resolve => setTimeout(resolve, 300))
        return registry.compareAndSet(...asked)
      },
    }
    const [a, b] = await Promise.all([stand({ log: { ...log, registry: slow } }), stand({ log })])
    const taken: unknown[] = []
    a.hub.on('message', ({ data }) => void taken.push(data))
    const { session } = await listen(a, via).opened()
    expect((await post(b, session, message(1))).status).toBe(200)
    expect(taken).toEqual(['m1'])
  },
)

describe('a line whose every request comes to another node', () => {
  it.each(transports)(
    'over %s is one session, hears each message once and is taken from once',
    async (_, transport) => {
      const { all, taken, told, url } = await nodes(3)
      const { line, heard } = open(url, transport)
      await line.opened
      for (const number of numbers(50)) {
        const sent = line.send(number)
        await all[Number(number) % 3]?.hub.publish('x', number)
        await sent
      }
      await until(() => heard.length === 50)
      expect(heard).toEqual(numbers(50))
      expect(taken).toEqual(numbers(50))
      expect(told).toEqual(['open'])
      expect(all.reduce((sum, { hub }) => sum + hub.stats().sessions, 0)).toBe(1)
      line.close()
      await until(() => told.length === 2)
      expect(told).toEqual(['open', 'close'])
    },
  )
})

const overNats = `nodes that share a log in NATS${missingNats ? ` (${missingNats})` : ''}`

describe.skipIf(missingNats)(overNats, { timeout: 120_000 }, () => {
  let nats: Nats
  beforeAll(async () => {
    nats = await startNats()
  })
  afterAll(() => nats.close())

  /** All nodes of a test. */
  function natsNodes(prefix: string) {
    return nodes(3, {}, () => {
      const log = natsLog({ servers: nats.url, prefix, patience: 60_000 })
      onTestFinished(() => log.close())
      return log
    })
  }

  it.each([
    ['polls', longPolling],
    ['a race of all', race(websocket, fetchStreaming, longPolling)],
  ] as const)('let a line over %s be one session, wherever its requests come', async (name, transport) => {
    const { all, taken, told, url } = await natsNodes(name.replaceAll(' ', '-'))
    const { line, heard } = open(url, transport)
    await line.opened
    for (const number of numbers(30)) {
      const sent = line.send(number)
      await all[Number(number) % 3]?.hub.publish('x', number)
      await sent
    }
    await until(() => heard.length === 30)
    expect(heard).toEqual(numbers(30))
    expect(taken).toEqual(numbers(30))
    expect(told).toEqual(['open'])
  })

  it('let a session go on at another one when its node lets it go', async () => {
    const { all, taken, told, url } = await natsNodes('moved')
    const { line } = open(url, websocket)
    await line.opened
    const home = () => all.find(({ hub }) => hub.stats().sessions === 1) as Stand
    const first = home()
    await line.send('before')
    const draining = first.hub.drain()
    await Promise.all(numbers(5).map(number => line.send(number)))
    await draining
    expect(taken).toEqual(['before', ...numbers(5)])
    expect(told).toEqual(['open'])
    expect(home()).not.toBe(first)
  })
})

describe('a session whose node lets it go', () => {
  it.each(transports)('over %s goes on at another one, with all that belongs to it', async (_, transport) => {
    const { all, taken, told, url } = await nodes(3)
    const counted: unknown[] = []
    for (const { hub } of all)
      hub.on('message', ({ session, data }) => {
        const { data: own } = session
        own.count = Number(own.count ?? 0) + 1
        counted.push(own.count)
        return hub.publish('x', String(data))
      })
    const { line, heard } = open(url, transport)
    await line.opened
    const sent: Promise<unknown>[] = []
    const home = () => all.find(({ hub }) => hub.stats().sessions === 1) as Stand
    const first = home()
    for (const number of numbers(200)) {
      sent.push(line.send(number))
      if (number === '50') void first.hub.drain()
      await new Promise(resolve => setTimeout(resolve, 2))
    }
    await Promise.all(sent)
    await until(() => heard.length === 200)
    expect(taken).toEqual(numbers(200))
    expect(heard).toEqual(numbers(200))
    expect(counted).toEqual(numbers(200).map(number => Number(number) + 1))
    expect(home()).not.toBe(first)
    expect(told).toEqual(['open'])
  })
})

describe('a node through which lines go whose sessions live elsewhere', () => {
  it.each([
    ['drain', (stand: Stand) => stand.hub.drain()],
    ['close', (stand: Stand) => stand.hub.close()],
  ])('sends them on when it goes, by %s: nothing is lost, and nothing of them stays', async (_, go) => {
    const { all, taken, told, url, cut, leaveOut } = await nodes(3)
    const lines = [websocket, fetchStreaming, longPolling].flatMap(transport =>
      Array.from({ length: 4 }, () => open(url, transport)),
    )
    await Promise.all(lines.map(({ line }) => line.opened))
    // Each comes back at the next node. A poll may be between two requests, and notice nothing.
    const back = lines
      .slice(0, 8)
      .map(({ line }) => new Promise(resolve => line.addEventListener('open', resolve, { once: true })))
    cut()
    await Promise.all(back)
    await until(() => lines.every(({ line }) => line.readyState === 1))
    const { server, hub } = all[1] as Stand
    expect(hub.stats().forwarded).toBeGreaterThan(0)
    const sent: Promise<unknown>[] = []
    let gone: Promise<unknown> | undefined
    for (const number of numbers(100)) {
      await all[0]?.hub.publish('x', number)
      sent.push(...lines.map(({ line }, nth) => line.send(`${nth} ${number}`)))
      if (number === '20') {
        leaveOut(all[1] as Stand)
        gone = go(all[1] as Stand).then(() => new Promise(resolve => server.close(resolve)))
      }
      await new Promise(resolve => setTimeout(resolve, 5))
    }
    await gone
    await Promise.all(sent)
    await until(() => lines.every(({ heard }) => heard.length >= 100))
    for (const { heard } of lines) expect(heard).toEqual(numbers(100))
    for (const nth of lines.keys())
      expect(taken.filter(data => data.startsWith(`${nth} `))).toEqual(
        numbers(100).map(each => `${nth} ${each}`),
      )
    expect(told.filter(each => each === 'open')).toHaveLength(lines.length)
  })
})

describe('a WebSocket that comes back at another node than its session lives at', () => {
  it('goes on in its session, with what the application keeps of it', async () => {
    const { all, taken, told, url } = await nodes(2)
    const counted: unknown[] = []
    for (const { hub } of all)
      hub.on('message', ({ session: { data } }) => {
        data.count = Number(data.count ?? 0) + 1
        counted.push(data.count)
      })
    const sockets: WebSocket[] = []
    class Kept extends WebSocket {
      constructor(address: string, protocols?: string | string[]) {
        super(address, protocols)
        sockets.push(this)
      }
    }
    const line = connect(`${url}?topic=x`, {
      transport: websocket,
      dialect: native,
      environment: { WebSocket: Kept },
    })
    onTestFinished(() => line.close())
    await line.opened
    for (const number of numbers(4)) {
      await line.send(number)
      // Two handshakes come to the two nodes in turn.
      sockets.at(-1)?.terminate()
    }
    expect(taken).toEqual(numbers(4))
    expect(counted).toEqual([1, 2, 3, 4])
    expect(told).toEqual(['open'])
    expect(all.reduce((sum, { hub }) => sum + hub.stats().sessions, 0)).toBe(1)
  })
})

describe('what is asked of one node', () => {
  it('is done on all: sessions of a principal are ended, and authorized anew', async () => {
    let rights = ['x']
    const { all, url } = await nodes(3, {
      authorize: ({ url }) => ({
        principal: url.searchParams.get('who') ?? undefined,
        topics: rights,
        send: true,
      }),
    })
    const lines = ['ann', 'bob', 'ann', 'bob', 'ann', 'bob'].map(who => {
      const line = connect(`${url}?who=${who}`, { transport: websocket, dialect: native, environment })
      onTestFinished(() => line.close())
      return line
    })
    await Promise.all(lines.map(line => line.opened))
    rights = ['x', 'y']
    const heard = new Set<number>()
    for (const [index, line] of lines.entries()) line.onmessage = () => void heard.add(index)
    const publishing = setInterval(() => void all[1]?.hub.publish('y', 'to ann'), 20)
    onTestFinished(() => clearInterval(publishing))
    all[0]?.hub.reauthorize('ann')
    await expect.poll(() => heard.size).toBe(3)
    expect([...heard].toSorted()).toEqual([0, 2, 4])
    const ended: number[] = []
    for (const line of lines)
      line.addEventListener('error', ({ error }) => void ended.push(Number(error.status)))
    all[2]?.hub.disconnect({ principal: 'bob' })
    await expect.poll(() => ended).toEqual([403, 403, 403])
    expect(lines.map(({ readyState }) => readyState)).toEqual([1, 2, 1, 2, 1, 2])
  })
})

describe('nodes between which nothing goes', () => {
  it('give up nothing: who asks the wrong one comes again, and goes on when it can be reached', async () => {
    const wall = await walls()
    const { all, taken, told, url } = await nodes(2, { log: wall.log })
    const { line, heard } = open(url, longPolling)
    await line.opened
    // Until one has reached the other: of one that never did nothing is known.
    let before = 0
    while (all.every(({ hub }) => hub.stats().forwarded === 0)) await line.send(`before ${before++}`)
    wall.stand()
    const sent: Promise<unknown>[] = []
    while (all.every(({ hub }) => hub.stats().refused === 0)) {
      sent.push(line.send(`meanwhile ${sent.length}`))
      await new Promise(resolve => setTimeout(resolve, 100))
    }
    wall.fall()
    await Promise.all(sent)
    await all[0]?.hub.publish('x', 'after')
    await until(() => heard.length === 1)
    expect(taken).toEqual([
      ...numbers(before).map(nth => `before ${nth}`),
      ...sent.map((_, nth) => `meanwhile ${nth}`),
    ])
    expect(heard).toEqual(['after'])
    expect(told).toEqual(['open'])
  })

  it('say so once if it was never otherwise, and answer the polls of each other', async () => {
    const wall = await walls()
    wall.stand()
    const { errors, url, all } = await nodes(2, { log: wall.log })
    await until(() => errors.length === 2)
    expect(errors.map(String)).toEqual([
      expect.stringMatching(
        /^Error: the node at 127\.0\.0\.1:\d+, which shares the log, cannot be reached from here/,
      ),
      expect.stringMatching(
        /^Error: the node at 127\.0\.0\.1:\d+, which shares the log, cannot be reached from here/,
      ),
    ])
    const { line, heard } = open(url, longPolling)
    await line.opened
    for (const number of numbers(10)) await all[Number(number) % 2]?.hub.publish('x', number)
    await until(() => heard.length === 10)
    expect(heard).toEqual(numbers(10))
  })
})

/** Between all nodes of a log, by what they say of where they are: as long as a wall stands, what they send each other leads nowhere. */
async function walls() {
  const doors = new Map<string, string>() // by the address that a node gives, where the others find it
  const sockets = new Set<Socket>()
  let stands = false
  const { registry, ...log } = memoryLog()
  const outside = (text: string | undefined) => translate(text, doors)
  const inside = (text: string | undefined) =>
    translate(text, new Map([...doors].map(([one, other]) => [other, one])))
  return {
    log: {
      ...log,
      registry: {
        address: () => '127.0.0.1',
        get: async (key: string) => outside(await registry?.get(key)),
        async compareAndSet(key: string, expected: string | undefined, text: string, lasts: number) {
          for (const [, port] of text.matchAll(/"127\.0\.0\.1:(\d+)"/g)) await build(`127.0.0.1:${port}`)
          const put = inside(text) as string
          const now = await registry?.compareAndSet(key, inside(expected), put, lasts)
          return now === put ? text : outside(now)
        },
      },
    },
    stand() {
      stands = true
      for (const socket of sockets) socket.pause()
    },
    fall() {
      stands = false
      for (const socket of sockets) socket.resume()
    },
  }

  async function build(behind: string): Promise<void> {
    if (doors.has(behind) || [...doors.values()].includes(behind)) return
    const [hostname = '', port] = behind.split(':')
    const server = createTcpServer({ pauseOnConnect: true }, socket => {
      const onward = connectTcp(Number(port), hostname)
      for (const [one, other] of [
        [socket, onward],
        [onward, socket],
      ] as const) {
        sockets.add(one)
        one.on('data', piece => void other.write(piece)).on('error', () => {})
        one.once('close', () => sockets.delete(one) && other.destroy())
        if (stands) one.pause()
        else one.resume()
      }
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    doors.set(behind, `127.0.0.1:${(server.address() as AddressInfo).port}`)
  }
}

function translate(text: string | undefined, words: ReadonlyMap<string, string>): string | undefined {
  return text?.replace(/127\.0\.0\.1:\d+/g, word => words.get(word) ?? word)
}

it.skipIf(missingRedis)(
  'hubs that share a Redis find each other, also where that is not there yet',
  async () => {
    const redis = await startRedis()
    onTestFinished(() => redis.close())
    await redis.stop()
    const all = await Promise.all(
      [1, 2].map(() => {
        const log = redisLog({ url: redis.url })
        onTestFinished(() => log.close())
        return stand({ log })
      }),
    )
    await redis.start()
    await until(() => all.every(({ hub }) => hub.stats().nodes === 2))
  },
)

it.skipIf(missingRedis)('a hub whose Redis never came can be closed', async () => {
  const redis = await startRedis()
  await redis.close()
  const log = redisLog({ url: redis.url })
  const { hub } = await stand({ log })
  await hub.close()
  await log.close()
})
