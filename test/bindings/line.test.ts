import { describe, expect, it } from 'vitest'
import { givenLineStore, type LineSnapshot, lineStore } from '../../src/bindings/line.ts'
import { following, lineKey } from '../../src/bindings/options.ts'
import type { Store } from '../../src/bindings/store.ts'
import { FakeLine, task } from './fakes.ts'

function opened() {
  const lines: FakeLine[] = []
  const store = lineStore(() => {
    const line = new FakeLine()
    lines.push(line)
    return line.real
  })
  return { lines, store, line: () => lines.at(-1) as FakeLine }
}

/** Each snapshot that subscribers are told of. */
function watch(store: Store<LineSnapshot<unknown>>) {
  const seen: string[] = []
  const leave = store.subscribe(() => {
    const { state, transport, error, retryAt } = store.get()
    seen.push(`${state} ${transport} ${error?.code ?? 'well'}${retryAt ? ` at ${retryAt}` : ''}`)
  })
  return { seen, leave }
}

describe('the store of a line', () => {
  it('opens nothing before somebody subscribes', async () => {
    const { lines, store } = opened()
    expect(store.get()).toEqual({
      line: null,
      state: 'connecting',
      transport: null,
      error: undefined,
      retryAt: undefined,
    })
    await task()
    expect(lines).toEqual([])
  })

  it('opens one line for whoever subscribes, and closes it after the last', async () => {
    const { lines, store, line } = opened()
    const one = watch(store)
    const two = watch(store)
    expect(store.get().line).toBe(line())
    one.leave()
    await task()
    expect(line().closes).toBe(0)
    two.leave()
    await task()
    expect(line().closes).toBe(1)
    expect(store.get().line).toBe(null)
    expect(lines).toHaveLength(1)
  })

  it('tells its state, its transport, why it is down and when it tries again', async () => {
    const { store, line } = opened()
    const { seen } = watch(store)
    line().turn('open', 'open')
    await task()
    line().retryAt = 7
    line().turn('waiting', 'error', { error: { code: 'refused' }, retryIn: 5 })
    await task()
    line().retryAt = undefined
    line().turn('connecting')
    await task()
    line().turn('open', 'open')
    await task()
    line().turn('closed', 'error', { error: { code: 'status' }, retryIn: undefined })
    await task()
    expect(seen).toEqual([
      'open websocket well',
      'waiting null refused at 7',
      'connecting null refused',
      'open websocket well',
      'closed null status',
    ])
  })

  it('tells nothing of what happened to one message, nor of messages that are called as its events', async () => {
    const { store, line } = opened()
    const { seen } = watch(store)
    line().turn('open', 'open')
    await task()
    const before = store.get()
    line().dispatchEvent(Object.assign(new Event('error'), { error: { code: 'unreadable' } }))
    line().dispatchEvent(Object.assign(new Event('error'), { error: {}, retryIn: 5, data: 'x' }))
    line().dispatchEvent(Object.assign(new Event('open'), { data: 'x' }))
    await task()
    expect(store.get()).toBe(before)
    expect(seen).toHaveLength(1)
  })

  it('without anything to open it is idle', () => {
    const store = lineStore(null)
    store.subscribe(() => {})()
    expect(store.get()).toMatchObject({ line: null, state: 'idle' })
  })

  it('of a line that was given is only looked at', async () => {
    const line = new FakeLine()
    line.turn('open', 'open')
    const store = givenLineStore(line.real)
    expect(store.initial).toMatchObject({ line, state: 'open', transport: 'websocket' })
    const { leave } = watch(store)
    leave()
    await task()
    expect(line.closes).toBe(0)
  })
})

describe('what another line is opened for', () => {
  const base = lineKey('/live', { params: { topic: 'a' }, retry: 5 })

  it.each([
    ['another address', '/other', { params: { topic: 'a' }, retry: 5 }],
    ['another parameter', '/live', { params: { topic: 'b' }, retry: 5 }],
    ['another header', '/live', { params: { topic: 'a' }, retry: 5, headers: { a: 'b' } }],
    ['another value', '/live', { params: { topic: 'a' }, retry: 6 }],
    ['another transport', '/live', { params: { topic: 'a' }, retry: 5, transports: ['websocket'] as const }],
    ['other limits', '/live', { params: { topic: 'a' }, retry: 5, limits: { bytes: 1 } }],
  ])('%s', (_, url, options) => {
    expect(lineKey(url, options)).not.toBe(base)
    expect(lineKey(url, structuredClone(options))).toBe(lineKey(url, options))
  })

  it('a token where there was none', () => {
    expect(lineKey('/live', { token: () => 'x' })).not.toBe(lineKey('/live'))
    expect(lineKey('/live', { params: () => ({}) })).not.toBe(lineKey('/live'))
  })

  it('no other object of the same content, no order, and no other function', () => {
    expect(lineKey('/live', { retry: 5, params: new URLSearchParams('topic=a'), token: () => 'x' })).toBe(
      lineKey('/live', { token: () => 'y', retry: 5, params: [['topic', 'a']] }),
    )
    const place = { environment: globalThis as never }
    expect(lineKey('/live', place)).toBe(lineKey('/live'))
    expect(lineKey(new URL('https://host.test/live'))).toBe(lineKey('https://host.test/live'))
  })
})

it('the newest functions are called, and what they give is given', () => {
  const first = { token: () => 'first', params: { a: 'b' }, retry: 5 }
  const { options, follow } = following(first)
  expect(options).toEqual({ ...first, token: expect.any(Function) })
  expect(options.token()).toBe('first')
  follow({ token: () => 'second', headers: () => ({}) })
  expect(options.token()).toBe('second')
  follow({})
  expect(options.token()).toBe('second')
  expect(first.token()).toBe('first')
})
