import { afterEach, describe, expect, test, vi } from 'vitest'
import { longPolling } from '../src/core.ts'
import { fetchStreaming } from '../src/transports/fetch-streaming.ts'
import { openLine } from './support/line.ts'
import { createWorld } from './support/world.ts'

afterEach(() => {
  vi.unstubAllGlobals()
  vi.resetModules()
})

describe('a place without the classes of a page', () => {
  test.each([
    ['Event'],
    ['MessageEvent'],
    ['EventTarget'],
    ['Event', 'MessageEvent', 'EventTarget', 'DOMException'],
  ])('may load the library: without %s', async (...missing) => {
    for (const name of missing) vi.stubGlobal(name, undefined)
    const { connect } = await import('../src/index.ts')
    expect(connect).toBeTypeOf('function')
  })

  test('hears what is missing when it connects', async () => {
    vi.stubGlobal('EventTarget', undefined)
    const { connect } = await import('../src/index.ts')
    expect(() => connect('https://host.test/live')).toThrow(/EventTarget.*polyfill/)
  })
})

describe('a place without XMLHttpRequest, such as a service worker', () => {
  const stream = { headers: { 'Content-Type': 'text/event-stream' } }
  const welcome = 'event: rt.open\nid: e.0.a\ndata: {"session":"s1","heartbeat":15000}\n\n'

  test('polls by fetch, and sends by fetch', async () => {
    const posted: unknown[] = []
    let polls = 0
    const fetch = (async (_: string, { method, body }: RequestInit) => {
      if (method === 'POST') {
        posted.push(body)
        return new Response('event: rt.ack\ndata: 1\n\n', stream)
      }
      if (polls++ === 0) return new Response(`${welcome}id: e.1.t1\ndata: hello\n\n`, stream)
      return new Promise<Response>(() => {})
    }) as never
    const world = createWorld({ fetch })
    const { heard, line } = await openLine({ world, transports: [longPolling] })
    await world.pass(1_000)
    expect(heard).toEqual(['open by long-polling', 'message hello'])
    const sent = line.send('hi')
    await world.pass(100)
    await sent
    expect(posted).toEqual(['id: 1\ndata: hi\n\n'])
    line.close()
  })

  test('has nothing to ask with where fetch is missing too, and the error says so', async () => {
    const { line, heard } = await openLine({ transports: [longPolling, fetchStreaming] })
    const errors: string[] = []
    line.onerror = ({ error }) => errors.push(error.message)
    expect(heard.at(-1)).toMatch(/close|error unsupported/)
  })
})
