/** What a line says when it is closed, or when its page goes. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { createHub } from '../server/index.ts'
import { native } from '../src/dialects/native.ts'
import { plain } from '../src/dialects/plain.ts'
import { socketio } from '../src/dialects/socketio.ts'
import type { Environment } from '../src/environment.ts'
import { connect } from '../src/index.ts'
import { fetchStreaming } from '../src/transports/fetch-streaming.ts'
import { longPolling } from '../src/transports/long-polling.ts'
import { websocket } from '../src/transports/websocket.ts'
import { ack } from './support/blocks.ts'
import { vary } from './support/dialects.ts'
import { cut, type Fake, fake, status } from './support/fakes.ts'
import { greet, openLine } from './support/line.ts'
import { createWorld } from './support/world.ts'
import { FakeXhr } from './support/xhr.ts'

const bye = 'event: rt.bye\ndata: \n\n'

/** A world that notes what goes up by `fetch`. */
function withFetch() {
  const posts: { url: string; body: string; keepalive: boolean }[] = []
  const fetch = async (url: string, { body, keepalive }: RequestInit) => {
    posts.push({ url, body: body as string, keepalive: keepalive === true })
    return new Response('')
  }
  const world = createWorld({ fetch } as Partial<Environment>)
  return { world, posts }
}

/** What went up by the channel, but for the question that proves it. */
function said({ channel }: Fake): string[] {
  return channel.sent.filter(text => text !== native.sending.ping)
}

/** Each message's end. */
function outcomesOf(sent: Record<string, Promise<unknown>>): Record<string, string> {
  const outcomes: Record<string, string> = {}
  for (const name in sent)
    sent[name]?.then(
      () => {
        outcomes[name] = 'taken'
      },
      error => {
        outcomes[name] = error.kind
      },
    )
  return outcomes
}

describe('close()', () => {
  test('over a WebSocket hands over what waits and says goodbye, in the same turn', async () => {
    const { line, transport, world } = await openLine()
    greet(transport.channel)
    const outcomes = outcomesOf({ last: line.send('last') })
    line.close()
    expect(said(transport)).toEqual(['id: 1\ndata: last\n\n', bye])
    expect(transport.channel.open).toBe(false)
    await world.settle()
    expect(outcomes).toEqual({ last: 'IN_DOUBT' })
    expect(world.timers + world.listeners).toBe(0)
  })

  test.each(['eventsource', 'xhr-streaming', 'long-polling', 'jsonp'] as const)(
    'over %s sends both by one request that outlives the page, with the numbers they had',
    async name => {
      const { world, posts } = withFetch()
      const transport = fake(name)
      const { line } = await openLine({ world, transports: [transport] })
      greet(transport.channel)
      void line.send('on its way').catch(() => {})
      await world.settle()
      void line.send('waiting').catch(() => {})
      line.close()
      expect(posts).toEqual([
        {
          url: expect.stringContaining('rt.via=post'),
          body: `id: 1\ndata: on its way\n\nid: 2\ndata: waiting\n\n${bye}`,
          keepalive: true,
        },
      ])
      expect(transport.channel.open).toBe(false)
      expect(world.timers + world.listeners).toBe(0)
    },
  )

  test('while it waits to reconnect says goodbye to the session that the server keeps', async () => {
    const { world, posts } = withFetch()
    const { line, transport } = await openLine({ world })
    greet(transport.channel)
    transport.channel.ends(cut)
    line.close()
    expect(posts.map(({ body }) => body)).toEqual([bye])
  })

  test('before any session says goodbye once, by the name of the line', async () => {
    const { world, posts } = withFetch()
    const { line, transport } = await openLine({ world })
    line.close()
    line.close()
    expect(posts.map(({ body }) => body)).toEqual([bye])
    const { searchParams } = new URL(String(posts[0]?.url))
    expect(searchParams.get('rt.line')).toMatch(/^[0-9a-z]{16,}$/)
    expect(searchParams.has('rt.sid')).toBe(false)
    expect(transport.channel.sent).toEqual([])
  })

  test('by the server’s last word says no goodbye', async () => {
    const { world, posts } = withFetch()
    const { transport } = await openLine({ world })
    greet(transport.channel)
    transport.channel.ends(status(403))
    expect(posts).toEqual([])
    expect(said(transport)).toEqual([])
  })

  test('of a line to any WebSocket delivers what was sent right before it', async () => {
    const frames: string[] = []
    class Socket {
      onopen?: () => void
      readyState = 1
      constructor() {
        queueMicrotask(() => this.onopen?.())
      }
      send(text: string): void {
        if (this.readyState === 1) frames.push(text)
      }
      close(): void {
        this.readyState = 2
      }
    }
    const world = createWorld({ WebSocket: Socket } as never)
    const { line } = await openLine({ world, dialect: 'plain', transports: [websocket] })
    await world.settle()
    const sent = [line.send('one'), line.send('two')]
    line.close()
    await Promise.all(sent)
    expect(frames).toEqual(['one', 'two'])
  })

  test('of a line to Socket.IO leaves the server, also over long polling', async () => {
    const transport = fake('long-polling')
    const { line } = await openLine({ transports: [transport], dialect: socketio() })
    transport.channel.brings({
      event: '0',
      id: '',
      data: '{"sid":"s","pingInterval":25000,"maxPayload":1000000}',
    })
    transport.channel.brings({ event: '40', id: '', data: '{"sid":"a"}' })
    expect(line.readyState).toBe(1)
    line.send({ a: 1 }).catch(() => {})
    line.close()
    expect(transport.channel.sent).toEqual(['40{}', '42["message",{"a":1}]', '41\x1e1'])
  })

  test('of a line to any server that takes POSTs lets those that wait go, one after the other', async () => {
    FakeXhr.all = []
    const world = createWorld({ XMLHttpRequest: FakeXhr } as never)
    const { line } = await openLine({ world, dialect: 'plain', transports: [longPolling] })
    FakeXhr.all[0]?.answers()
    for (const text of ['one', 'two', 'three']) line.send(text).catch(() => {})
    await world.settle()
    line.close()
    for (let count = 1; count <= 3; count++) {
      expect(FakeXhr.all.slice(1).map(({ body }) => body)).toEqual(['one', 'two', 'three'].slice(0, count))
      const post = FakeXhr.all[count]
      expect(post?.aborted).toBe(false)
      post?.answers()
      post?.ends()
    }
    expect(world.timers).toBe(0)
  })
})

test.each([websocket, fetchStreaming])(
  'the server hears the last message and that the session is over, at once: over $name',
  async transport => {
    const hub = createHub()
    const server = createServer()
    const undo = hub.attach(server)
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const heard: string[] = []
    hub.on('message', ({ data }) => void heard.push(`message ${data}`))
    const over = new Promise<void>(resolve => {
      hub.on('close', () => {
        heard.push('close')
        resolve()
      })
    })
    const line = connect(`http://127.0.0.1:${port}/live`, {
      params: { topic: 'lobby' },
      transports: [transport],
      environment: { WebSocket: WebSocket as never },
    })
    await new Promise(resolve => line.addEventListener('open', resolve))
    line.send('last').catch(() => {})
    line.close()
    await over
    expect(heard).toEqual(['message last', 'close'])
    await hub.close()
    undo()
    server.close()
  },
)

describe('a page that goes for good', () => {
  const leave = (persisted: boolean) => Object.assign(new Event('pagehide'), { persisted })

  test('sends what was not taken and a goodbye by a request that outlives it', async () => {
    const { world, posts } = withFetch()
    const { line, transport } = await openLine({ world })
    greet(transport.channel)
    void line.send('last').catch(() => {})
    await world.settle()
    await world.fire(leave(false))
    world.hidden = true
    await world.fire('visibilitychange')
    expect(posts.map(({ body, keepalive }) => [body, keepalive])).toEqual([
      ['id: 1\ndata: last\n\n', true],
      [`id: 1\ndata: last\n\n${bye}`, true],
    ])
  })

  test('and was hidden before has said goodbye when it goes', async () => {
    const { world, posts } = withFetch()
    const { transport } = await openLine({ world })
    greet(transport.channel)
    world.hidden = true
    await world.fire('visibilitychange')
    await world.fire(leave(false))
    expect(posts.map(({ body }) => body)).toEqual([bye])
  })

  test('sends what it says after the line has been told, before the goodbye', async () => {
    const { world, posts } = withFetch()
    const { line, transport } = await openLine({ world })
    greet(transport.channel)
    await world.fire(leave(false))
    void line.send('a').catch(() => {})
    await world.settle()
    void line.send('b').catch(() => {})
    await world.settle()
    world.hidden = true
    await world.fire('visibilitychange')
    const [a, b] = ['id: 1\ndata: a\n\n', 'id: 2\ndata: b\n\n']
    expect(posts.map(({ body }) => body)).toEqual([a, b, `${a}${b}${bye}`])
  })

  test('and may come back says no goodbye', async () => {
    const { world, posts } = withFetch()
    const { transport } = await openLine({ world })
    greet(transport.channel)
    await world.fire(leave(true))
    expect(posts).toEqual([])
    await world.fire('pageshow')
    expect(transport.channel.query['rt.sid']).not.toBe('')
  })
})

describe('close({ flush })', () => {
  test('waits until all was taken, takes nothing more meanwhile, and then closes', async () => {
    const { line, transport, world, heard } = await openLine()
    const first = line.send('early')
    const closing = line.close({ flush: 5_000 })
    await expect(line.send('late')).rejects.toMatchObject({ kind: 'closed' })
    expect(line.readyState).toBe(0)
    greet(transport.channel)
    await world.settle()
    transport.channel.takes()
    transport.channel.brings(ack(1))
    await first
    await closing
    expect(line.readyState).toBe(2)
    expect(said(transport)).toEqual(['id: 1\ndata: early\n\n', bye])
    expect(heard.at(-1)).toBe('close: closed by the page')
    expect(world.timers + world.listeners).toBe(0)
  })

  test('waits no longer than that', async () => {
    const { line, transport, world } = await openLine()
    greet(transport.channel)
    const outcomes = outcomesOf({ a: line.send('a') })
    let closed = false
    const closing = line.close({ flush: 2_000 }).then(() => {
      closed = true
    })
    await world.pass(1_999)
    expect(closed).toBe(false)
    await world.pass(1)
    await closing
    expect(outcomes).toEqual({ a: 'IN_DOUBT' })
  })

  test('waits for an answer that was asked for', async () => {
    const transport = fake('websocket')
    const { line, world } = await openLine({
      transports: [transport],
      dialect: vary(plain, { sending: { replies: true } }),
    })
    transport.channel.opens()
    const answer = line.send('a', { answer: true, timeout: 500 }).catch(error => error.kind)
    await world.settle()
    transport.channel.takes()
    const closing = line.close({ flush: 60_000 })
    await world.settle()
    expect(line.readyState).toBe(1)
    await world.pass(500)
    await closing
    expect(await answer).toBe('IN_DOUBT')
  })

  test('with nothing to wait for closes at once; on a closed line it resolves', async () => {
    const { line, world } = await openLine()
    await line.close({ flush: 5_000 })
    expect(line.readyState).toBe(2)
    await line.close({ flush: 5_000 })
    expect(world.timers).toBe(0)
  })

  test('resolves when the line is closed meanwhile by close()', async () => {
    const { line, world } = await openLine()
    line.send('x').catch(() => {})
    const closing = line.close({ flush: 5_000 })
    line.close()
    await closing
    expect(world.timers).toBe(0)
  })

  test.each([-1, Number.NaN, '5', undefined])(
    'with flush %j rejects with a TypeError that names it',
    async flush => {
      const { line } = await openLine()
      await expect(line.close({ flush } as never)).rejects.toThrow(TypeError)
      await expect(line.close({ flush } as never)).rejects.toThrow('flush')
      expect(line.readyState).toBe(0)
    },
  )

  test('what WebSocket’s close takes closes at once', async () => {
    const { line } = await openLine()
    ;(line.close as (code: number) => void).call(line, 1000)
    expect(line.readyState).toBe(2)
  })
})
