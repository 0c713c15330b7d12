import { describe, expect, it } from 'vitest'
import { type MessagesOptions, messagesStore } from '../../src/bindings/messages.ts'
import { presenceStore } from '../../src/bindings/presence.ts'
import { subscriptionStore } from '../../src/bindings/topic.ts'
import { FakeLine, type FakeSubscription, task } from './fakes.ts'

function listed(options: MessagesOptions = {}) {
  const line = new FakeLine()
  const store = messagesStore(line.real, 'room', options as MessagesOptions<'message'>)
  let renders = 0
  const leave = store.subscribe(() => {
    renders++
  })
  const data = () => store.get().messages.map(({ data }) => data)
  const keys = () => store.get().messages.map(({ key }) => key)
  return { line, room: line.last, store, data, keys, leave, renders: () => renders }
}

function messages(from: number, to: number): { data: string; lastEventId: string; type: string }[] {
  const all = Array.from({ length: to - from }, (_, index) => `${from + index}`)
  return all.map(n => ({ data: n, lastEventId: n, type: 'message' }))
}

function say(room: FakeSubscription, from: number, to: number): void {
  for (const { data, lastEventId } of messages(from, to)) room.says(data, lastEventId)
}

describe('a list of messages', () => {
  it('has the newest, and is the same array until there is another', async () => {
    const { room, store, data, renders } = listed({ limit: 3 })
    room.turn('subscribed', 'open', { trimmed: false })
    say(room, 0, 2)
    await task()
    expect(data()).toEqual(['0', '1'])
    const { messages } = store.get()
    room.tell('statechange')
    room.tell('presence')
    await task()
    expect(store.get().messages).toBe(messages)
    expect(renders()).toBe(1)
    say(room, 2, 5)
    await task()
    expect(data()).toEqual(['2', '3', '4'])
    expect(messages).toHaveLength(2)
    expect(renders()).toBe(2)
  })

  it('a burst is one change, and keeps no more than it shows', async () => {
    const { room, data, keys, renders } = listed({ limit: 2 })
    say(room, 0, 10_000)
    await task()
    expect(renders()).toBe(1)
    expect(data()).toEqual(['9998', '9999'])
    expect(keys()).toEqual([9998, 9999])
  })

  it('has the events that are asked for, and none of the subscription’s own', async () => {
    const { room, store, data } = listed({ events: ['typing', 'gap', 'open'] })
    room.says('a', '1')
    room.says('b', '1', 'typing')
    room.says('c', '2', 'gap')
    room.turn('subscribed', 'open', { trimmed: false })
    await task()
    expect(data()).toEqual(['b', 'c'])
    expect(store.get()).toMatchObject({ gap: undefined, trimmed: false, state: 'subscribed' })
  })

  it('tells of gaps, and the first message behind one does', async () => {
    const { room, store } = listed()
    say(room, 0, 1)
    const gap = { reason: 'expired', from: '0', to: '5' }
    room.tell('gap', gap)
    await task()
    expect(store.get().gap).toEqual(gap)
    say(room, 6, 8)
    await task()
    expect(store.get().messages.map(({ gap }) => gap)).toEqual([undefined, gap, undefined])
  })

  it('begins where it is asked to, or after what the page has already', () => {
    expect(listed({ history: 5 }).room.options).toEqual({ history: 5, since: undefined })
    const since = new Date()
    expect(listed({ since }).room.options).toEqual({ history: undefined, since })
    const initial = [
      { data: 'a', lastEventId: '1' },
      { data: 'b', lastEventId: '2' },
    ]
    const { room, data, store } = listed({ initial, history: 5 })
    expect(room.options).toEqual({ since: '2' })
    expect(data()).toEqual(['a', 'b'])
    expect(store.initial.messages.map(({ data }) => data)).toEqual(['a', 'b'])
    expect(listed({ initial: [{ data: 'a' }], history: 5 }).room.options).toEqual({
      history: 5,
      since: undefined,
    })
  })

  it('goes back, and makes room for what is older', async () => {
    const { room, data, keys, store } = listed({ limit: 2 })
    say(room, 5, 8)
    await task()
    expect(data()).toEqual(['6', '7'])
    // One of them has come already, and one is of another kind.
    room.past = {
      messages: [...messages(3, 7), { type: 'typing', data: 'x', lastEventId: 'x' }] as never,
      more: true,
      begins: undefined,
    }
    expect(await store.get().loadOlder(5)).toBe(true)
    await task()
    expect(room.pasts).toEqual([{ before: '6', limit: 5 }])
    expect(data()).toEqual(['3', '4', '5', '6', '7'])
    expect(new Set(keys()).size).toBe(5)
    say(room, 8, 9)
    await task()
    expect(data()).toEqual(['4', '5', '6', '7', '8'])
    expect(new Set(keys()).size).toBe(5)
    room.past = { messages: [], more: false, begins: undefined }
    expect(await store.get().loadOlder()).toBe(false)
    expect(room.pasts[1]).toEqual({ before: '4', limit: 50 })
  })

  it('goes back beyond messages of other names', async () => {
    const { room, data, store } = listed()
    say(room, 9, 10)
    room.past = {
      messages: [{ type: 'typing', data: 'x', lastEventId: '7' }] as never,
      more: true,
      begins: undefined,
    }
    expect(await store.get().loadOlder(1)).toBe(true)
    room.past = { messages: messages(6, 7) as never, more: false, begins: undefined }
    expect(await store.get().loadOlder(1)).toBe(false)
    await task()
    expect(data()).toEqual(['6', '9'])
    expect(room.pasts.map(how => how?.before)).toEqual(['9', '7'])
  })

  it('says that it was refused, and that its history is not whole', async () => {
    const { room, store } = listed({ history: 5 })
    room.turn('subscribed', 'open', { trimmed: true })
    await task()
    expect(store.get()).toMatchObject({ trimmed: true, error: undefined })
    room.error = { code: 'topic-refused' }
    room.turn('refused', 'error', { error: room.error })
    await task()
    expect(store.get()).toMatchObject({ state: 'refused', error: room.error })
  })

  it('leaves its topic after the last subscriber, and begins anew with the next', async () => {
    const { line, room, store, data, leave } = listed()
    say(room, 0, 1)
    await task()
    leave()
    await task()
    expect(room.state).toBe('closed')
    expect(data()).toEqual([])
    store.subscribe(() => {})
    expect(line.subscriptions).toHaveLength(2)
    expect(data()).toEqual([])
  })

  it.each([
    ['a line', null, 'room'],
    ['a topic', new FakeLine(), null],
  ])('without %s it is what the page has already', async (_, line, topic) => {
    const store = messagesStore((line as FakeLine | null)?.real, topic, { initial: [{ data: 'a' }] })
    store.subscribe(() => {})
    expect(store.get()).toMatchObject({ state: 'idle', messages: [{ key: 0, type: 'message', data: 'a' }] })
    expect(await store.get().loadOlder()).toBe(false)
  })
})

describe('a subscription', () => {
  it('has its events heard by the newest functions, and by names that come later', async () => {
    const line = new FakeLine()
    const heard: string[] = []
    let on: Record<string, (event: { data: string }) => void> = { typing: ({ data }) => heard.push(data) }
    const store = subscriptionStore(line.real, 'room', { history: 3 }, () => on as never)
    store.hearNew()
    const leave = store.subscribe(() => {})
    expect(line.last.options).toEqual({ history: 3, since: undefined })
    line.last.says('a', '', 'typing')
    on = { typing: ({ data }) => heard.push(`new ${data}`), left: ({ data }) => heard.push(`left ${data}`) }
    store.hearNew()
    store.hearNew()
    line.last.says('b', '', 'typing')
    line.last.says('c', '', 'left')
    on = {}
    line.last.says('d', '', 'left')
    expect(heard).toEqual(['a', 'new b', 'left c'])
    leave()
    await task()
    expect(line.last.state).toBe('closed')
    expect(store.get()).toEqual({ subscription: null, state: 'idle', error: undefined })
  })

  it('tells that its line has failed, until it lives again', async () => {
    const line = new FakeLine()
    const store = subscriptionStore(line.real, 'room', {}, () => undefined)
    store.subscribe(() => {})
    const error = { code: 'status' }
    line.last.turn('subscribing', 'error', { error })
    await task()
    expect(store.get()).toEqual({ subscription: line.last, state: 'subscribing', error })
    line.last.turn('subscribed', 'open')
    await task()
    expect(store.get()).toEqual({ subscription: line.last, state: 'subscribed', error: undefined })
  })
})

describe('who is in a topic', () => {
  it('is asked once, and told at each change', async () => {
    const line = new FakeLine()
    const store = presenceStore(line.real, 'room')
    let renders = 0
    const leave = store.subscribe(() => renders++)
    expect(line.last.asked).toHaveLength(1)
    expect(store.get()).toMatchObject({ people: [], count: 0 })
    line.last.crowd('Ada')
    await task()
    line.last.crowd('Ada', 'Bob')
    await task()
    expect(store.get().people.map(({ id }) => id)).toEqual(['Ada', 'Bob'])
    expect(store.get().count).toBe(2)
    const last = store.get()
    line.last.tell('message', { data: 'x' })
    await task()
    expect(store.get()).toBe(last)
    expect(renders).toBe(2)
    leave()
    await task()
    expect(line.last.state).toBe('closed')
  })

  it('says why nobody is told of, and asks anew when the topic is heard again', async () => {
    const line = new FakeLine()
    const store = presenceStore(line.real, 'room')
    store.subscribe(() => {})
    const error = { code: 'no-presence' }
    line.last.asked.shift()?.reject(error)
    await task()
    expect(store.get()).toMatchObject({ error, count: 0 })
    line.last.turn('subscribed', 'open')
    expect(line.last.asked).toHaveLength(1)
    line.last.crowd('Ada')
    await task()
    expect(store.get()).toMatchObject({ error: undefined, count: 1 })
  })
})
