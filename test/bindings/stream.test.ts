import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { isAutomatic, type StreamOptions, streamStore } from '../../src/bindings/stream.ts'

let url = ''
let end = () => {}
let answers: ServerResponse[] = []
let asked: string[] = []

beforeEach(async () => {
  answers = []
  asked = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const piece of request) body += piece
    asked.push(`${request.method} ${body}`.trim())
    answers.push(response)
    if (request.url === '/refused') return response.writeHead(403).end('no')
    response.writeHead(200, { 'Content-Type': 'text/event-stream' }).flushHeaders()
    return
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  end = () => {
    server.closeAllConnections()
    server.close()
  }
})
afterEach(() => end())

function begun(path = '/', options: StreamOptions = {}) {
  const store = streamStore(`${url}${path}`, isAutomatic(options), () => options)
  let renders = 0
  const leave = store.subscribe(() => renders++)
  const becomes = (status: string, text = '') =>
    vi.waitFor(() => expect(store.get()).toMatchObject({ status, text }))
  return { store, leave, becomes, renders: () => renders }
}

describe('an answer in pieces', () => {
  it('comes to whoever subscribes, once for what comes at once', async () => {
    const { store, becomes, renders } = begun()
    expect(store.get()).toMatchObject({ status: 'asking', text: '', events: [] })
    await becomes('streaming')
    const before = renders()
    answers[0]?.write(Array.from({ length: 100 }, (_, n) => `data: ${n % 10}\n\n`).join(''))
    await becomes('streaming', '0123456789'.repeat(10))
    expect(renders() - before).toBeLessThanOrEqual(2)
    expect(store.get().events).toHaveLength(100)
    const { events } = store.get()
    answers[0]?.end('event: end\nid: 1\ndata: !\n\n')
    await becomes('done', `${'0123456789'.repeat(10)}!`)
    expect(events).toHaveLength(100)
    expect(store.get().events.at(-1)).toEqual({ event: 'end', data: '!', id: '1' })
    expect(asked).toEqual(['GET'])
  })

  it('of what is no GET is asked by hand, with the options of that moment', async () => {
    const options: StreamOptions = { method: 'POST' }
    const { store, becomes } = begun('/', options)
    expect(store.get().status).toBe('idle')
    options.body = 'why?'
    store.get().start()
    await becomes('streaming')
    store.get().start({ body: 'how?' })
    await vi.waitFor(() => expect(asked).toEqual(['POST why?', 'POST how?']))
    await vi.waitFor(() => expect(answers[0]?.destroyed).toBe(true))
    answers[1]?.write('data: so\n\n')
    await becomes('streaming', 'so')
  })

  it('says why it failed', async () => {
    const { store, becomes } = begun('/refused')
    await becomes('failed')
    expect(store.get().error).toMatchObject({ kind: 'status', status: 403 })
  })

  it('that is stopped has what came, and can be asked for again', async () => {
    const { store, becomes } = begun()
    await becomes('streaming')
    answers[0]?.write('data: so\n\n')
    await becomes('streaming', 'so')
    store.get().stop()
    await becomes('stopped', 'so')
    expect(store.get().error).toBe(undefined)
    store.get().start()
    await becomes('streaming')
  })

  it('ends with the last subscriber, and nothing is asked then', async () => {
    const { store, leave, becomes } = begun()
    await becomes('streaming')
    leave()
    await vi.waitFor(() => expect(answers[0]?.destroyed).toBe(true))
    expect(store.get()).toMatchObject({ status: 'idle', text: '' })
    expect(store.get().start()).toBe(undefined)
    expect(asked).toHaveLength(1)
  })

  it('without a URL is never asked for', () => {
    const store = streamStore(null, true, () => ({}))
    store.subscribe(() => {})
    expect(store.get().status).toBe('idle')
    expect(store.get().start()).toBe(undefined)
  })
})

it.each<[StreamOptions, boolean]>([
  [{}, true],
  [{ method: 'get' }, true],
  [{ method: 'HEAD' }, true],
  [{ manual: true }, false],
  [{ method: 'POST' }, false],
  [{ method: 'DELETE' }, false],
  [{ body: 'x' }, false],
  [{ method: 'GET', body: 'x' }, true],
])('%j is asked without a word: %s', (options, expected) => {
  expect(isAutomatic(options)).toBe(expected)
})
