/** One type for a page and its server, and what must not compile by it. Nothing here runs, as in types.test-d.ts. */
import { expectTypeOf, test } from 'vitest'
import {
  createHub,
  type Hub,
  type Payload,
  type Production,
  type Contract as ServerContract,
  type Session,
} from '../server/index.ts'
import { connect as connectCore, native, websocket } from '../src/core.ts'
import {
  type Contract,
  connect,
  type HistoryPage,
  type Line,
  type LineEventMap,
  type LineMessage,
  type LineOf,
  type Subscription,
} from '../src/index.ts'
import { events } from '../src/iterate.ts'

interface Chat {
  from: string
  text: string
}
interface Typing {
  who: string
}
interface Price {
  price: number
}
interface Live {
  topics: {
    [room: `room:${string}`]: { message: Chat; typing: Typing }
    prices: { price: Price; message: number[] }
  }
  sends: {
    message: { data: Chat; answer: { id: string } }
    count: { data: { of: string }; answer: number }
    typing: { data: Typing }
  }
  replies: { receipt: { id: string }; message: boolean }
}

const chat: Chat = { from: 'a', text: 'b' }
const line = connect<Live>('/live')
const hub = createHub<Live>()

test('a contract is that of both sides', () => {
  expectTypeOf<Contract>().toEqualTypeOf<ServerContract>()
  expectTypeOf<Live>().toExtend<Contract>()
  expectTypeOf(line).toEqualTypeOf<LineOf<Live>>()
  expectTypeOf(hub).toEqualTypeOf<Hub<Live>>()
  expectTypeOf(connectCore<Live>('/live', { transport: websocket, dialect: native })).toEqualTypeOf<
    LineOf<Live>
  >()
})

test('a page sends the events that there are, with their data', () => {
  expectTypeOf(line.send(chat)).toEqualTypeOf<Promise<void>>()
  expectTypeOf(line.send(chat, {})).toEqualTypeOf<Promise<void>>()
  expectTypeOf(line.send(chat, { event: undefined, timeout: 5 })).toEqualTypeOf<Promise<void>>()
  expectTypeOf(line.send({ who: 'a' }, { event: 'typing', volatile: true })).toEqualTypeOf<Promise<void>>()
  // @ts-expect-error: the data of a message is a Chat
  void line.send('text')
  // @ts-expect-error: and so with a name
  void line.send({ who: 'a' }, { event: 'message' })
  // @ts-expect-error: a Chat has no such member
  void line.send({ from: 'a', text: 'b', to: 'c' })
  // @ts-expect-error: there is no such event
  void line.send(chat, { event: 'massage' })
  // @ts-expect-error: that is published, not sent
  void line.send({ price: 5 }, { event: 'price' })
  // @ts-expect-error: any name at all is none that is known
  void line.send(chat, { event: 'typing' as string })
})

test('a page is given the answer that an event has', () => {
  expectTypeOf(line.send(chat, { answer: true })).toEqualTypeOf<Promise<{ id: string }>>()
  expectTypeOf(line.send({ of: 'a' }, { event: 'count', answer: true })).toEqualTypeOf<Promise<number>>()
  expectTypeOf(line.send({ of: 'a' }, { event: 'count', answer: false })).toEqualTypeOf<Promise<void>>()
  expectTypeOf(line.send({ of: 'a' }, { event: 'count' })).toEqualTypeOf<Promise<void>>()
  // @ts-expect-error: that event has no answer
  void line.send({ who: 'a' }, { event: 'typing', answer: true })
  // @ts-expect-error: the data is checked here too
  void line.send(chat, { event: 'count', answer: true })
})

test('without an event called message each send has a name', () => {
  const line = connect<{ sends: { typing: { data: Typing } } }>('/live')
  void line.send({ who: 'a' }, { event: 'typing' })
  // @ts-expect-error: it has no name
  void line.send({ who: 'a' })
  // @ts-expect-error: it has no name, and there are no answers
  void line.send({ who: 'a' }, { answer: true })
})

test('a subscription has the messages of its topic', async () => {
  const room = line.subscribe('room:42', { history: 5 })
  room.onmessage = event => expectTypeOf(event.data).toEqualTypeOf<Chat>()
  room.addEventListener('typing', event => expectTypeOf(event.data).toEqualTypeOf<Typing>())
  room.addEventListener('open', event => expectTypeOf(event.trimmed).toEqualTypeOf<boolean>())
  room.addEventListener('price', event => expectTypeOf(event).toEqualTypeOf<Event>())
  for await (const event of room) expectTypeOf(event).toEqualTypeOf<LineMessage<Chat>>()

  const id = 'x' as string
  line.subscribe(`room:${id}`).onmessage = event => expectTypeOf(event.data).toEqualTypeOf<Chat>()
  const prices = line.subscribe('prices')
  prices.addEventListener('price', event => expectTypeOf(event.data).toEqualTypeOf<Price>())
  for await (const event of prices) expectTypeOf(event.data).toEqualTypeOf<number[]>()
  expectTypeOf(prices).toExtend<Subscription<Live['topics']['prices']>>()

  // @ts-expect-error: there is no such topic
  line.subscribe('lobby')
  // @ts-expect-error: any text at all is none that is known
  line.subscribe(id)
  // @ts-expect-error: the template has more to it
  line.subscribe('room')
})

test('the history of a topic has its messages, told apart by their type', async () => {
  const { messages } = await line.subscribe('room:42').history({ limit: 5 })
  for (const message of messages) {
    expectTypeOf(message.type).toEqualTypeOf<'message' | 'typing'>()
    if (message.type === 'message') expectTypeOf(message.data).toEqualTypeOf<Chat>()
    else expectTypeOf(message.data).toEqualTypeOf<Typing>()
    // @ts-expect-error: a Typing has no text
    message.data.text
  }
})

test('a line hears what all topics and replies have', async () => {
  line.onmessage = event => expectTypeOf(event.data).toEqualTypeOf<Chat | number[] | boolean>()
  line.addEventListener('typing', event => expectTypeOf(event.data).toEqualTypeOf<Typing>())
  line.addEventListener('price', event => expectTypeOf(event.data).toEqualTypeOf<Price>())
  line.addEventListener('receipt', event => expectTypeOf(event.data).toEqualTypeOf<{ id: string }>())
  line.addEventListener('open', event => expectTypeOf(event.resumed).toEqualTypeOf<boolean>())
  line.addEventListener('count', event => expectTypeOf(event).toEqualTypeOf<Event>())
  for await (const event of events(line, 'price')) expectTypeOf(event.data).toEqualTypeOf<Price>()
  for await (const event of events(line)) expectTypeOf(event.data).toEqualTypeOf<Chat | number[] | boolean>()
  // @ts-expect-error: that is sent, and not heard
  events(line, 'count')
  // @ts-expect-error: of the three only one has a text
  line.onmessage = event => event.data.text
})

test('a hub produces what the topic has', () => {
  expectTypeOf(hub.produce('room:42', [chat], { end: 'typing' })).toEqualTypeOf<Production>()
  void hub.produce('prices', async function* () {
    yield [5]
  })
  void hub.produce('prices', async () => [{ price: 5 }], { event: 'price', end: 'message' })
  void hub.cancel('prices', 'enough')
  // @ts-expect-error: there is no such topic
  void hub.produce('lobby', [chat])
  // @ts-expect-error: that is no message of the topic
  void hub.produce('room:42', [{ price: 5 }])
  // @ts-expect-error: that is the data of another event
  void hub.produce('prices', async () => [[5]], { event: 'price' })
  // @ts-expect-error: there is no such event
  void hub.produce('prices', [[5]], { end: 'finished' })
  // @ts-expect-error: there is no such topic
  void hub.cancel('lobby')
  const other = createHub()
  void other.produce('any', ['text', 5, { a: 1 }], { event: 'any', end: 'other', expire: 5_000 })
})

test('a hub publishes what the topic has', () => {
  const id = 'x' as string
  expectTypeOf(hub.publish('room:42', chat)).toEqualTypeOf<Promise<string>>()
  void hub.publish(`room:${id}`, { who: 'a' }, { event: 'typing' })
  void hub.publish('prices', [5])
  void hub.publish('prices', { price: 5 }, { event: 'price' })
  void hub.drop('room:42')
  // @ts-expect-error: there is no such topic
  void hub.publish('lobby', chat)
  // @ts-expect-error: any text at all is none that is known
  void hub.publish(id, chat)
  // @ts-expect-error: a message in a room is a Chat
  void hub.publish('room:42', [5])
  // @ts-expect-error: a room has no such event
  void hub.publish('room:42', { price: 5 }, { event: 'price' })
  // @ts-expect-error: the price is a number
  void hub.publish('prices', { price: '5' }, { event: 'price' })
  // @ts-expect-error: there is no such topic
  void hub.drop('rooms')
})

test('a hub hears what pages send, told apart by the event', () => {
  hub.on('message', ({ event, data, answer, session }) => {
    expectTypeOf(event).toEqualTypeOf<'message' | 'count' | 'typing'>()
    expectTypeOf(answer).toEqualTypeOf<boolean>()
    expectTypeOf(session).toEqualTypeOf<Session<Live>>()
    if (event === 'message') expectTypeOf(data).toEqualTypeOf<Chat>()
    else if (event === 'typing') expectTypeOf(data).toEqualTypeOf<Typing>()
    else expectTypeOf(data).toEqualTypeOf<{ of: string }>()
    // @ts-expect-error: only a Chat has a text
    data.text
    // @ts-expect-error: no page sends that
    if (event === 'price') return
  })
  hub.on('subscribe', ({ topic, session }) => {
    expectTypeOf(topic).toEqualTypeOf<`room:${string}` | 'prices'>()
    hub.disconnect({ session, topic })
    return topic === 'prices'
  })
  hub.on('open', ({ session }) => expectTypeOf(session).toEqualTypeOf<Session<Live>>())
  hub.on('close', ({ code }) => expectTypeOf(code).toEqualTypeOf<number | undefined>())
  hub.on('error', error => expectTypeOf(error).toEqualTypeOf<unknown>())
  // @ts-expect-error: there is no such event
  hub.on('mesage', () => {})
})

test('a listener returns an answer that there is, or nothing', () => {
  hub.on('message', () => {})
  hub.on('message', async () => {})
  hub.on('message', ({ event }) => {
    if (event === 'message') return { id: '5' }
    if (event === 'count') return 5
    return undefined
  })
  hub.on('message', async ({ event, data }) => {
    if (event === 'message') return { id: await hub.publish('room:1', data) }
    if (event === 'typing') await hub.publish('room:1', data, { event })
    return
  })
  // @ts-expect-error: no answer is a text
  hub.on('message', () => 'text')
  // @ts-expect-error: nor when it comes later
  hub.on('message', async () => 'text')
  // @ts-expect-error: the id that a publication has would be the answer
  hub.on('message', () => hub.publish('prices', [5]))
  // @ts-expect-error: an id is a text
  hub.on('message', ({ event }) => (event === 'message' ? { id: 5 } : undefined))
})

test('where no event has an answer, a listener may return anything', () => {
  const hub = createHub<{ sends: { typing: { data: Typing } } }>()
  hub.on('message', ({ data }) => hub.publish('room:1', data))
  hub.on('message', ({ data }) => data.who)
})

test('a client is replied to with what there is for it alone', () => {
  hub.on('message', ({ reply, session }) => {
    expectTypeOf(reply({ id: '5' }, { event: 'receipt' })).toEqualTypeOf<Promise<string | undefined>>()
    void reply(true)
    void session.send(false)
    void session.send({ id: '5' }, { event: 'receipt' })
    // @ts-expect-error: that is published
    void reply({ price: 5 }, { event: 'price' })
    // @ts-expect-error: an id is a text
    void reply({ id: 5 }, { event: 'receipt' })
    // @ts-expect-error: a receipt has its name
    void session.send({ id: '5' })
    // @ts-expect-error: the name is wrong
    void session.send(true, { event: 'receit' })
  })
})

test('what a contract leaves out is not checked', async () => {
  const line = connect<{ topics: { prices: { price: Price } } }>('/live')
  void line.send(5)
  expectTypeOf(line.send('x', { event: 'any', answer: true })).toEqualTypeOf<Promise<unknown>>()
  line.onmessage = event => expectTypeOf(event.data).toEqualTypeOf<unknown>()
  line.addEventListener('price', event => expectTypeOf(event.data).toEqualTypeOf<Price>())
  // @ts-expect-error: this part is there
  line.subscribe('lobby')

  const sender = connect<{ sends: { typing: { data: Typing } } }>('/live')
  sender.addEventListener('any', event => expectTypeOf(event.data).toEqualTypeOf<string>())
  sender.subscribe('any').onmessage = event => expectTypeOf(event.data).toEqualTypeOf<string>()

  const hub = createHub<{ topics: { prices: { price: Price } } }>()
  hub.on('message', ({ data, event, reply }) => {
    expectTypeOf(data).toEqualTypeOf<Payload>()
    expectTypeOf(event).toEqualTypeOf<string>()
    void reply('text', { event: 'any' })
    return 'text'
  })
  const other = createHub<{ replies: { receipt: string } }>()
  void other.publish('any', { any: 5 }, { event: 'any' })
  // @ts-expect-error: still no value that can be published
  void other.publish('any', undefined)
})

test('what is empty in a contract has nothing in it', () => {
  interface Quiet {
    topics: { prices: { price: Price } }
    sends: Record<never, never>
    replies: Record<never, never>
  }
  const line = connect<Quiet>('/live')
  // @ts-expect-error: nothing is sent
  void line.send('x')
  // @ts-expect-error: nor with a name
  void line.send('x', { event: 'any' })
  const hub = createHub<Quiet>()
  hub.on('open', ({ session }) => {
    // @ts-expect-error: nothing is sent to one client
    void session.send('x')
  })
})

test('the parts of a contract may be interfaces of their own', () => {
  interface Topics {
    [room: `room:${string}`]: Room
  }
  interface Room {
    message: Chat
  }
  interface Sends {
    message: Sent
  }
  interface Sent {
    data: Chat
    answer: number
  }
  interface Whole {
    topics: Topics
    sends: Sends
  }
  const line = connect<Whole>('/live')
  line.subscribe('room:1').onmessage = event => expectTypeOf(event.data).toEqualTypeOf<Chat>()
  expectTypeOf(line.send(chat, { answer: true })).toEqualTypeOf<Promise<number>>()
  void createHub<Whole>().publish('room:1', chat)
})

test('a hub takes a contract and nothing else', () => {
  // @ts-expect-error: that is a map of events
  createHub<{ message: Chat }>()
  // @ts-expect-error: a part that there is not
  createHub<{ topics: { prices: { price: Price } }; reply: { receipt: string } }>()
  // @ts-expect-error: a part is an object
  createHub<{ topics: string }>()
})

test('a plain map of events is what it was, be one of them called as a part of a contract is', async () => {
  const line = connect<{ message: Chat; topics: { list: string[] } }>('/live')
  line.onmessage = event => expectTypeOf(event.data).toEqualTypeOf<Chat>()
  line.addEventListener('topics', event => expectTypeOf(event.data).toEqualTypeOf<{ list: string[] }>())
  expectTypeOf(line.send).parameter(0).toEqualTypeOf<unknown>()
  void line.send(5, { event: 'any' as string, answer: false as boolean })
  expectTypeOf(line.send(5, { event: 'any', answer: true })).toEqualTypeOf<Promise<unknown>>()
  const any = line.subscribe('any' as string)
  expectTypeOf(any).toEqualTypeOf<Subscription<{ message: Chat; topics: { list: string[] } }>>()
  expectTypeOf(line.subscribe<{ price: Price }>('prices')).toEqualTypeOf<Subscription<{ price: Price }>>()
  expectTypeOf(any.history()).toEqualTypeOf<Promise<HistoryPage<LineMessage<unknown>>>>()
  const texts = connect<{ topics: string }>('/live')
  texts.addEventListener('topics', event => expectTypeOf(event.data).toEqualTypeOf<string>())
  const lists = connect<{ topics: string[]; message: never }>('/live')
  lists.addEventListener('topics', event => expectTypeOf(event.data).toEqualTypeOf<string[]>())
})

test('a function may take any line, or any of one contract', () => {
  const close = (line: Pick<Line, 'close' | 'state'>) => line.close()
  close(line)
  close(connect('/live'))
  const greet = (session: Session<Live>) => session.send(true)
  hub.on('open', ({ session }) => greet(session))
  function hear<Messages, Shared>(line: Line<Messages, Shared>): Line<Messages, Shared> {
    line.onopen = event => expectTypeOf(event.resumed).toEqualTypeOf<boolean>()
    return line
  }
  expectTypeOf(hear(line)).toEqualTypeOf<LineOf<Live>>()
})

test('a function may be generic in the messages of a plain map', () => {
  function open<M>(url: string): Line<M> {
    return connect<M>(url)
  }
  function openAny<M extends Record<string, unknown>>(url: string): Line<M> {
    return connect(url)
  }
  function hear<M, Name extends string & keyof M>(
    line: Line<M>,
    name: Name,
    listener: (event: LineEventMap<M>[Name]) => void,
  ): Promise<unknown> {
    line.addEventListener(name, listener)
    line.subscribe('any').close()
    void line.send('text')
    return line.send('text', { event: 'any', answer: true })
  }
  const line = open<{ price: Price }>('/live')
  void hear(line, 'price', event => expectTypeOf(event.data).toEqualTypeOf<Price>())
  expectTypeOf(openAny<{ price: Price }>('/live')).toEqualTypeOf<Line<{ price: Price }>>()
  const said: Line<{ price: Price }> = connect('/live')
  said.addEventListener('price', event => expectTypeOf(event.data).toEqualTypeOf<Price>())
  // biome-ignore lint/suspicious/noExplicitAny: that is what is tested
  const any = connect<any>('/live')
  any.onmessage = event => event.data.whatever
})
