/** What an editor knows of the bindings. Nothing here runs: `npm run types` reads it. */
import { derived, get, type Readable } from 'svelte/store'
import { expectTypeOf, test } from 'vitest'
import { computed, type Ref, ref } from 'vue'
import type { ConnectionError, Line, LineOf, LineState, Person } from '../../src/index.ts'
import * as react from '../../src/react.ts'
import * as svelte from '../../src/svelte.ts'
import * as vue from '../../src/vue.ts'

interface Chat {
  text: string
}
interface Typing {
  who: string
}
interface Live {
  topics: {
    [room: `room:${string}`]: { message: Chat; typing: Typing }
    prices: { price: number }
  }
  sends: { message: { data: Chat; answer: number } }
}

test('a line is typed by its contract', () => {
  const { line, state, error } = react.useLine<Live>('/live')
  expectTypeOf(line).toEqualTypeOf<LineOf<Live> | null>()
  expectTypeOf(state).toEqualTypeOf<LineState | 'idle'>()
  expectTypeOf(error).toEqualTypeOf<ConnectionError | undefined>()
  expectTypeOf(line?.send({ text: 'x' }, { answer: true })).toEqualTypeOf<Promise<number> | undefined>()
  expectTypeOf(react.useLineContext<Live>().line).toEqualTypeOf<LineOf<Live> | null>()
  expectTypeOf(vue.useLine<Live>('/live').line).toEqualTypeOf<Readonly<Ref<LineOf<Live> | null>>>()
  expectTypeOf(get(svelte.line<Live>('/live')).line).toEqualTypeOf<LineOf<Live> | null>()
  // @ts-expect-error: no such option
  react.useLine('/live', { retries: 5 })
})

test('without a contract it carries text, or what is said', () => {
  expectTypeOf(react.useLine('/live').line).toEqualTypeOf<Line<Record<string, string>> | null>()
  expectTypeOf(react.useLine<{ message: Chat }>('/live').line).toEqualTypeOf<Line<{
    message: Chat
  }> | null>()
  const { messages } = react.useMessages(react.useLine('/live').line, 'any')
  for (const { data, type } of messages) {
    expectTypeOf(data).toEqualTypeOf<string>()
    expectTypeOf(type).toEqualTypeOf<'message'>()
  }
})

test('messages are typed by their topic', () => {
  const { line } = react.useLine<Live>('/live')
  for (const { data, key, lastEventId } of react.useMessages(line, 'room:42', { limit: 5 }).messages) {
    expectTypeOf(data).toEqualTypeOf<Chat>()
    expectTypeOf(key).toEqualTypeOf<number>()
    expectTypeOf(lastEventId).toEqualTypeOf<string>()
  }
  for (const message of react.useMessages(line, 'room:42', { events: ['message', 'typing'] }).messages)
    if (message.type === 'typing') expectTypeOf(message.data).toEqualTypeOf<Typing>()
    else expectTypeOf(message.data).toEqualTypeOf<Chat>()
  for (const { data } of react.useMessages(line, 'prices', { events: ['price'] }).messages)
    expectTypeOf(data).toEqualTypeOf<number>()
  react.useMessages(line, `room:${'42' as string}`, { initial: [{ data: { text: 'x' } }] })
  react.useMessages(line, null)
  react.useMessages(null as LineOf<Live> | null | undefined, 'prices')
  // @ts-expect-error: there is no such topic
  react.useMessages(line, 'lobby')
  // @ts-expect-error: nor such an event in it
  react.useMessages(line, 'prices', { events: ['message'] })
  // @ts-expect-error: what is there already is of the same type
  react.useMessages(line, 'room:42', { initial: [{ data: 'x' }] })
})

test('functions that hear a topic know what they hear', () => {
  const { line } = react.useLine<Live>('/live')
  const { subscription } = react.useSubscription(line, 'room:42', {
    on: {
      message: event => expectTypeOf(event.data).toEqualTypeOf<Chat>(),
      typing: ({ data }) => expectTypeOf(data).toEqualTypeOf<Typing>(),
      gap: ({ reason }) => expectTypeOf(reason).toEqualTypeOf<string>(),
      join: ({ person }) => expectTypeOf(person).toEqualTypeOf<Person>(),
    },
  })
  subscription?.addEventListener('typing', ({ data }) => expectTypeOf(data).toEqualTypeOf<Typing>())
  subscription?.history().then(({ messages: [message] }) => {
    if (message?.type === 'message') expectTypeOf(message.data).toEqualTypeOf<Chat>()
  })
  // @ts-expect-error: a room has no prices
  react.useSubscription(line, 'room:42', { on: { price: () => {} } })
})

test('presence and streams', () => {
  const { line } = react.useLine<Live>('/live')
  expectTypeOf(react.usePresence(line, 'prices').people).toEqualTypeOf<readonly Person[]>()
  // @ts-expect-error: there is no such topic
  react.usePresence(line, 'lobby')
  const { text, status, start } = react.useStream('/ask', { method: 'POST', until: '[DONE]' })
  expectTypeOf(text).toEqualTypeOf<string>()
  expectTypeOf(status).toEqualTypeOf<'idle' | 'asking' | 'streaming' | 'done' | 'stopped' | 'failed'>()
  void start({ body: { question: 'why?' } })
    ?.text()
    .then(whole => whole.length)
  // @ts-expect-error: no such option
  react.useStream('/ask', { signals: null })
})

test('in Vue lines, topics and options may be refs and getters', () => {
  const { line, state, retryAt } = vue.useLine<Live>(ref('/live'), () => ({ retry: 5 }))
  expectTypeOf(state.value).toEqualTypeOf<LineState | 'idle'>()
  expectTypeOf(retryAt.value).toEqualTypeOf<number | undefined>()
  const id = ref('42')
  const { messages, loadOlder } = vue.useMessages(line, () => `room:${id.value}` as const, { history: 5 })
  expectTypeOf(messages.value[0]?.data).toEqualTypeOf<Chat | undefined>()
  expectTypeOf(loadOlder(5)).toEqualTypeOf<Promise<boolean>>()
  const { messages: prices } = vue.useMessages(
    computed(() => line.value),
    'prices',
    { events: ['price'] },
  )
  expectTypeOf(prices.value[0]?.data).toEqualTypeOf<number | undefined>()
  vue.useSubscription(line, 'room:42', {
    on: { typing: ({ data }) => expectTypeOf(data).toEqualTypeOf<Typing>() },
  })
  expectTypeOf(vue.usePresence(line, 'prices').count.value).toEqualTypeOf<number>()
  expectTypeOf(vue.useStream('/ask').text.value).toEqualTypeOf<string>()
  // @ts-expect-error: there is no such topic
  vue.useMessages(line, 'lobby')
  // @ts-expect-error: it is read only
  messages.value = []
})

test('in Svelte stores are made of lines and of stores of lines', () => {
  const live = svelte.line<Live>('/live')
  const room = svelte.messages(live, 'room:42', { limit: 5 })
  expectTypeOf(get(room).messages[0]?.data).toEqualTypeOf<Chat | undefined>()
  expectTypeOf(
    get(svelte.messages(get(live).line, 'prices', { events: ['price'] })).messages[0]?.data,
  ).toEqualTypeOf<number | undefined>()
  expectTypeOf(derived(room, ({ state }) => state)).toExtend<Readable<string>>()
  svelte.subscription(live, 'room:42', {
    on: { typing: ({ data }) => expectTypeOf(data).toEqualTypeOf<Typing>() },
  })
  expectTypeOf(get(svelte.presence(live, 'prices')).count).toEqualTypeOf<number>()
  expectTypeOf(get(svelte.stream('/ask')).text).toEqualTypeOf<string>()
  // @ts-expect-error: there is no such topic
  svelte.messages(live, 'lobby')
})
