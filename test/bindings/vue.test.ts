/** The composables outside of components: in a scope of their own, as a Pinia store has one. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { effectScope, nextTick, reactive, ref, shallowRef } from 'vue'
import { useMessages, useOpenedLine, usePresence } from '../../src/vue.ts'
import { FakeLine, task } from './fakes.ts'

beforeEach(() => {
  vi.stubGlobal('document', {})
})
afterEach(() => {
  vi.unstubAllGlobals()
})

it('a scope opens its line at once, and closes it when it is disposed of', async () => {
  const scope = effectScope()
  const line = new FakeLine()
  const live = scope.run(() => useOpenedLine('key', () => line.real))
  expect(live?.line.value).toBe(line)
  line.turn('open', 'open')
  await task()
  expect(live?.state.value).toBe('open')
  expect(live?.transport.value).toBe('websocket')
  scope.stop()
  await task()
  expect(line.closes).toBe(1)
})

it('a line within something reactive is no proxy', () => {
  const scope = effectScope()
  const line = new FakeLine()
  const live = scope.run(() => useOpenedLine('key', () => line.real))
  expect(reactive({ deep: { line: live?.line.value } }).deep.line).toBe(line)
  scope.stop()
})

it('another line or topic begins anew, and an object with the same in it does not', async () => {
  const scope = effectScope()
  const [one, other] = [new FakeLine(), new FakeLine()]
  const line = shallowRef(one.real)
  const topic = ref<string | null>('room')
  const options = ref({ limit: 5 })
  const { messages } = scope.run(() => useMessages(line, topic, options)) ?? {}
  one.last.says('a', '1')
  await task()
  options.value = { limit: 5 }
  await nextTick()
  expect(messages?.value.map(({ data }) => data)).toEqual(['a'])
  topic.value = 'next'
  await nextTick()
  expect(messages?.value).toEqual([])
  expect(one.subscriptions.map(({ topic }) => topic)).toEqual(['room', 'next'])
  await task()
  expect(one.subscriptions.map(({ state }) => state)).toEqual(['closed', 'subscribing'])
  line.value = other.real
  await nextTick()
  expect(other.subscriptions).toHaveLength(1)
  topic.value = null
  await nextTick()
  await task()
  expect(other.last.state).toBe('closed')
  scope.stop()
})

it('without a document nothing is opened', () => {
  vi.unstubAllGlobals()
  const line = new FakeLine()
  const scope = effectScope()
  const { count } = scope.run(() => usePresence(line.real, 'room')) ?? {}
  expect(count?.value).toBe(0)
  expect(line.subscriptions).toEqual([])
  scope.stop()
})
