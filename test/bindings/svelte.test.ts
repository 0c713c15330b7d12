/** The stores for Svelte, by the contract of stores, with no Svelte. */
import { get, type Readable } from 'svelte/store'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { line, messages, openedLine, presence, subscription } from '../../src/svelte.ts'
import { FakeLine, task } from './fakes.ts'

/** There is no document here unless a test says so. */
beforeEach(() => {
  vi.stubGlobal('document', {})
})
afterEach(() => {
  vi.unstubAllGlobals()
})

function opened() {
  const lines: FakeLine[] = []
  const live = openedLine(() => {
    const line = new FakeLine()
    lines.push(line)
    return line.real
  })
  return { live, lines, line: () => lines.at(-1) as FakeLine }
}

function data(room: Readable<{ messages: readonly { data: unknown }[] }>): unknown[] {
  return get(room).messages.map(({ data }) => data)
}

it('a topic opens the line of its store, and the last to leave closes it', async () => {
  const { live, lines, line } = opened()
  const room = messages(live, 'room')
  expect(lines).toEqual([])
  const seen: unknown[][] = []
  const leave = room.subscribe(({ messages }) => seen.push(messages.map(({ data }) => data)))
  expect(lines).toHaveLength(1)
  line().last.says('a', '1')
  await task()
  expect(seen).toEqual([[], ['a']])
  leave()
  await task()
  expect(line().last.state).toBe('closed')
  await task()
  expect(line().closes).toBe(1)
})

it('what is asked for in the same words is one store, as long as it has subscribers', async () => {
  const { live, line } = opened()
  const room = messages(live, 'room', { limit: 5 })
  const leave = room.subscribe(() => {})
  expect(messages(live, 'room', { limit: 5 })).toBe(room)
  expect(messages(live, 'room', { limit: 6 })).not.toBe(room)
  expect(messages(live, 'other', { limit: 5 })).not.toBe(room)
  expect(messages(opened().live, 'room', { limit: 5 })).not.toBe(room)
  expect(presence(live, 'room')).not.toBe(room)
  line().last.says('a', '1')
  await task()
  expect(data(messages(live, 'room', { limit: 5 }))).toEqual(['a'])
  leave()
  await task()
  const later = messages(live, 'room', { limit: 5 })
  expect(later).not.toBe(room)
  expect(data(later)).toEqual([])
})

it('a line may be given itself, and one that is not there yet', async () => {
  const line = new FakeLine()
  const room = messages(line.real, 'room')
  room.subscribe(() => {})
  line.last.says('a', '1')
  await task()
  expect(data(room)).toEqual(['a'])
  expect(get(messages(null, 'room')).state).toBe('idle')
})

it('a subscription has functions of its own each time', () => {
  const { live, line } = opened()
  const heard: string[] = []
  const hears = (name: string) => subscription(live, 'room', { on: { typing: () => heard.push(name) } })
  hears('a').subscribe(() => {})
  hears('b').subscribe(() => {})
  for (const each of line().subscriptions) each.says('x', '', 'typing')
  expect(heard).toEqual(['a', 'b'])
})

it('without a document nothing is opened', () => {
  vi.unstubAllGlobals()
  const { live, lines } = opened()
  expect(get(messages(live, 'room', { initial: [{ data: 'a' }] })).messages).toHaveLength(1)
  expect(get(line('/live'))).toMatchObject({ line: null, state: 'connecting' })
  expect(lines).toEqual([])
})
