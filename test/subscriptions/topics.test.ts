/** A line's topics alone: what they tell their server, by addresses and by messages, and what they make of what it says. */
import { describe, expect, it } from 'vitest'
import { ConnectionError } from '../../src/contracts/errors.ts'
import type { Hello } from '../../src/contracts/frame.ts'
import type { Topics } from '../../src/contracts/topics.ts'
import { subscriptions } from '../../src/subscriptions/topics.ts'

/** The line that subscribes. */
const page = { origin: 'https://host.test', decode: (content: unknown) => content }

interface Told {
  readonly event: string
  readonly lines: string[]
  /** The server has taken it. */
  taken(): Promise<void>
  lost(kind: ConnectionError['kind']): Promise<void>
}

/** Topics whose messages are kept, until a test says what became of them. */
function make(): { topics: Topics; told: Told[]; said(): string[] } {
  const topics = subscriptions()
  const told: Told[] = []
  const tell = (event: string, data: string) => {
    let resolve: () => void
    let reject: (error: unknown) => void
    const outcome = new Promise<void>((...both) => {
      ;[resolve, reject] = both
    })
    told.push({
      event,
      lines: data.split('\n'),
      taken: () => settle(() => resolve()),
      lost: kind => settle(() => reject(new ConnectionError('lost', { kind }))),
    })
    return outcome
  }
  topics.attach({ tell, read: () => ({ type: 'nothing' }) })
  /** What was told since this was asked last. */
  let seen = 0
  const said = () => {
    const from = seen
    seen = told.length
    return told.slice(from).map(({ event, lines }) => `${event} ${lines}`)
  }
  return { topics, told, said }
}

async function settle(act: () => void = () => {}): Promise<void> {
  act()
  for (let turn = 0; turn < 5; turn++) await Promise.resolve()
}

/** A line that is open, with nothing to hear. */
async function opened() {
  const made = make()
  made.topics.welcomed(setOf(made.topics))
  await settle()
  return made
}

function setOf(topics: Topics): number | undefined {
  const [, set] = topics.query().find(([name]) => name === 'rt.s') ?? []
  return set === undefined ? undefined : Number(set)
}

/** The server answers the latest question about a topic, as the line would take it: it is heard after a position. */
function hear(topics: Topics, topic: string, id: string, ahead = false): void {
  answer(topics, topic, numberOf(topics, topic), id, ahead)
}

/** The server answers the question of a number. */
function answer(topics: Topics, topic: string, re: number | undefined, id: string, ahead = false): void {
  const place = topics.find({ topic, event: 'rt.subscribed', re: re === undefined ? undefined : `${re}` })
  if (!place) return
  place.cursor ||= id
  topics.subscribed(topic, re, ahead, false)
}

/** The number of the question that an address asks about a topic. */
function numberOf(topics: Topics, topic: string): number | undefined {
  const own = topics.query().find(([name, value]) => name === 'rt.t' && value.endsWith(`:${topic}`))
  const [, number] = /^\*?\+?(\d+)!/.exec(own?.[1] ?? '') ?? []
  return number === undefined ? undefined : Number(number)
}

describe('what an address tells', () => {
  it('is an empty set, as long as there is none', () => {
    expect(make().topics.query()).toEqual([['rt.s', '0']])
  })

  it('is each topic, with where it begins, and the number of the set', () => {
    const { topics } = make()
    topics.subscribe(page, 'now')
    topics.subscribe(page, 'last', { history: 5 })
    topics.subscribe(page, 'none', { history: 0 })
    topics.subscribe(page, 'time', { since: new Date(1_700_000_000_000.9) })
    topics.subscribe(page, 'id', { since: 'a.7.x' })
    topics.subscribe(page, 'a:b,c%d ü')
    topics.subscribe(page, 'all', { history: Number.POSITIVE_INFINITY })
    expect(topics.query()).toEqual([
      ['rt.s', '7'],
      ['rt.t', '1!:now'],
      ['rt.t', '2!-5:last'],
      ['rt.t', '3!:none'],
      ['rt.t', '4!@1700000000000:time'],
      ['rt.t', '5!a.7.x:id'],
      ['rt.t', '6!:a:b,c%d ü'],
      ['rt.t', '7!@0:all'],
    ])
  })

  it('is where each stands, once it is heard, and marks what nobody has asked for', async () => {
    const { topics } = make()
    topics.subscribe(page, 'room', { history: 5 })
    topics.greeted({ given: 'a.3.x' })
    topics.welcomed(1)
    hear(topics, 'room', 'a.2.x')
    expect(topics.query()).toEqual([
      ['rt.s', '1'],
      ['rt.t', 'a.2.x:room'],
      ['rt.t', '*a.3.x:given'],
    ])
    topics.subscribe(page, 'given')
    await settle()
    expect(topics.query().at(-1)).toEqual(['rt.t', 'a.3.x:given'])
  })

  it('is an empty topic and no set, where they are too many, and all are told once the line is open', async () => {
    const { topics, told } = make()
    const names = Array.from({ length: 200 }, (_, n) => `room:${n}`)
    for (const name of names) topics.subscribe(page, name)
    await settle()
    expect(topics.query()).toEqual([['rt.t', '']])
    expect(told).toEqual([])
    topics.welcomed(undefined)
    expect(told.map(({ event }) => event)).toEqual(['rt.subscribe'])
    expect(told[0]?.lines).toEqual(names.map((name, n) => `${201 + n}!:${name}`))
  })

  it('counts what is escaped: 200 names of another script are too many before they are 2,000 characters', () => {
    const { topics } = make()
    for (let n = 0; n < 60; n++) topics.subscribe(page, `комната ${n}`)
    expect(topics.query()).toEqual([['rt.t', '']])
  })
})

describe('what is told to an open line', () => {
  it('is what one turn has changed, together: first what is left, then what is new', async () => {
    const { topics, said } = await opened()
    const [one, two] = ['one', 'two'].map(name => topics.subscribe(page, name))
    await settle()
    expect(said()).toEqual(['rt.subscribe 1!:one,2!:two'])
    one?.close()
    topics.subscribe(page, 'three')
    two?.close()
    topics.subscribe(page, 'four')
    await settle()
    expect(said()).toEqual(['rt.unsubscribe one,two', 'rt.subscribe 4!:three,6!:four'])
  })

  it('is split into messages that its server takes', async () => {
    const { topics, told } = make()
    topics.welcomed(0, 500)
    for (let n = 0; n < 100; n++) topics.subscribe(page, `комната ${n}`)
    await settle()
    const sizes = told.map(({ event, lines }) =>
      Buffer.byteLength(
        [`id: 100`, `event: ${event}`, ...lines.map(line => `data: ${line}`), '\n'].join('\n'),
      ),
    )
    expect(Math.max(...sizes)).toBeLessThanOrEqual(500)
    expect(told.flatMap(({ lines }) => lines)).toHaveLength(100)
  })

  it('is nothing for a topic that is heard already: two subscriptions share it, and the last one leaves it', async () => {
    const { topics, said } = await opened()
    const [one, two] = [topics.subscribe(page, 'room'), topics.subscribe(page, 'room', { history: 9 })]
    await settle()
    expect(said()).toEqual(['rt.subscribe 1!:room'])
    hear(topics, 'room', 'a.1.x')
    // The second waits for its history.
    expect([one.state, two.state]).toEqual(['subscribed', 'subscribing'])
    const three = topics.subscribe(page, 'room')
    let opens = 0
    three.onopen = () => void opens++
    expect(three.state).toBe('subscribing')
    await settle()
    expect([three.state, opens]).toEqual(['subscribed', 1])
    one.close()
    two.close()
    await settle()
    expect(said()).toEqual(['rt.history {"limit":9}'])
    three.close()
    three.close()
    await settle()
    expect(said()).toEqual(['rt.unsubscribe room'])
  })

  it('is a question of a higher number, for a topic that is left and asked for again: by that it begins anew', async () => {
    const { topics, said } = await opened()
    topics.subscribe(page, 'room').close()
    const again = topics.subscribe(page, 'room', { history: 3 })
    await settle()
    expect(said()).toEqual(['rt.subscribe 3!-3:room'])
    answer(topics, 'room', 1, 'a.7.x')
    expect([again.state, again.lastEventId]).toEqual(['subscribing', ''])
    answer(topics, 'room', 3, 'a.1.x')
    expect([again.state, again.lastEventId]).toEqual(['subscribed', 'a.1.x'])
  })

  it('is said once of a topic that was left while the question for it was on its way: messages keep their order', async () => {
    const { topics, told, said } = await opened()
    const room = topics.subscribe(page, 'room')
    await settle()
    topics.interrupted()
    room.close()
    await settle()
    topics.welcomed(setOf(topics))
    expect(said()).toEqual(['rt.subscribe 1!:room', 'rt.unsubscribe room'])
    await told[0]?.taken()
    await told[1]?.taken()
    expect(said()).toEqual([])
  })

  it('is said once more, when a topic was left on the way and is wanted again', async () => {
    const { topics, told, said } = await opened()
    const room = topics.subscribe(page, 'room')
    hear(topics, 'room', 'a.4.x')
    await settle()
    await told[0]?.taken()
    room.close()
    await settle()
    topics.interrupted()
    topics.subscribe(page, 'room', { since: 'a.4.x' })
    await settle()
    topics.welcomed(setOf(topics))
    said()
    await told[1]?.taken()
    expect(said()).toEqual(['rt.subscribe 3!a.4.x:room'])
  })

  it('begins anew behind a hello to an older address, which may have named what was left since', async () => {
    const { topics, said } = make()
    topics.subscribe(page, 'heard', { since: 'a.2.x' })
    topics.subscribe(page, 'room')
    topics.welcomed(2)
    hear(topics, 'room', 'a.4.x')
    topics.interrupted()
    topics.subscribe(page, 'other')
    await settle()
    topics.welcomed(2)
    expect(said()).toEqual(['rt.subscribe 4!a.2.x:heard,5!a.4.x:room,6!:other'])
  })

  it('is told anew, when it waited for too long', async () => {
    const { topics, told, said } = await opened()
    topics.subscribe(page, 'room')
    await settle()
    said()
    await told[0]?.lost('expired')
    expect(said()).toEqual(['rt.subscribe 1!:room'])
    await told[1]?.lost('IN_DOUBT')
    expect(said()).toEqual([])
  })

  it('is nothing behind a hello with the present set, and all behind one with another or none', async () => {
    const { topics, said } = make()
    topics.subscribe(page, 'one')
    topics.subscribe(page, 'two', { history: 2 })
    topics.welcomed(2)
    await settle()
    expect(said()).toEqual([])
    topics.interrupted()
    topics.welcomed(1)
    expect(said()).toEqual(['rt.subscribe 3!:one,4!-2:two'])
    topics.interrupted()
    topics.welcomed(undefined)
    expect(said()).toEqual(['rt.subscribe 5!:one,6!-2:two'])
  })

  it('is not told while the line is down, and the next address tells it', async () => {
    const { topics, said } = await opened()
    topics.interrupted()
    topics.subscribe(page, 'room')
    await settle()
    expect(said()).toEqual([])
    expect(topics.query()).toEqual([
      ['rt.s', '1'],
      ['rt.t', '1!:room'],
    ])
    topics.welcomed(1)
    await settle()
    expect(said()).toEqual([])
  })

  it('says of a topic that was left while the line was down that it is left: the session may hear it still', async () => {
    const { topics, said } = await opened()
    const room = topics.subscribe(page, 'room')
    await settle()
    said()
    topics.interrupted()
    room.close()
    await settle()
    topics.welcomed(setOf(topics))
    expect(said()).toEqual(['rt.unsubscribe room'])
  })
})

describe('a message', () => {
  it('of a topic that nobody wants is passed over, and the server is told so once for each channel', async () => {
    const { topics, said } = await opened()
    for (let n = 0; n < 3; n++) expect(topics.find({ topic: 'stray' })).toBeUndefined()
    await settle()
    expect(said()).toEqual(['rt.unsubscribe stray'])
    topics.interrupted()
    topics.welcomed(setOf(topics))
    topics.find({ topic: 'stray' })
    await settle()
    expect(said()).toEqual(['rt.unsubscribe stray'])
  })

  it('that comes before a topic is heard is of an earlier subscription, and passed over', async () => {
    const { topics } = await opened()
    topics.subscribe(page, 'room')
    expect(topics.find({ topic: 'room' })).toBeUndefined()
    hear(topics, 'room', 'a.1.x')
    expect(topics.find({ topic: 'room' })?.cursor).toBe('a.1.x')
  })

  it('of a topic that is given unasked is heard as soon as a channel has greeted, be the line not open yet', () => {
    const { topics } = make()
    topics.greeted({ own: 'a.3.x' })
    expect(topics.find({ topic: 'own' })?.cursor).toBe('a.3.x')
  })
})

describe('a channel beside the one that carries the line', () => {
  it('is heard of a topic only as long as its address named the present set', async () => {
    const { topics } = await opened()
    topics.subscribe(page, 'room', { since: 'a.3.x' })
    hear(topics, 'room', 'a.3.x')
    const beside = { session: 's', acked: 0, set: setOf(topics) } as Hello
    expect(topics.find({ topic: 'room' }, beside)).toBeDefined()
    topics.subscribe(page, 'other')
    expect(topics.find({ topic: 'room' }, beside)).toBeUndefined()
    expect(topics.find({ topic: 'room' })).toBeDefined()
  })
})

describe('a topic that begins behind where the line stands', () => {
  it('is asked for once more, from where it stands, and nothing of it is heard meanwhile', async () => {
    const { topics, said } = await opened()
    topics.subscribe(page, 'room', { since: 'a.3.x' })
    await settle()
    said()
    hear(topics, 'room', 'a.3.x')
    answer(topics, 'room', undefined, 'a.5.x', true)
    answer(topics, 'room', undefined, 'a.6.x', true)
    await settle()
    expect(said()).toEqual(['rt.subscribe 2!a.3.x:room'])
    expect(topics.find({ topic: 'room' })).toBeUndefined()
    expect(topics.find({ topic: 'room', event: 'rt.gap' })).toBeUndefined()
    answer(topics, 'room', 2, 'a.3.x')
    expect(topics.find({ topic: 'room' })?.cursor).toBe('a.3.x')
  })

  it('is taken as it is if that answers the question for what lies between: a server that cannot do better is not asked again', async () => {
    const { topics, said } = await opened()
    const room = topics.subscribe(page, 'room', { since: 'a.3.x' })
    await settle()
    said()
    // On two channels.
    answer(topics, 'room', 1, 'a.5.x', true)
    answer(topics, 'room', 1, 'a.6.x', true)
    await settle()
    expect(said()).toEqual([])
    expect(topics.find({ topic: 'room' })).toBeDefined()
    expect(room.state).toBe('subscribed')
  })
})

describe('a subscription', () => {
  it('is refused alone, in words, and can be asked for again', async () => {
    const { topics, said } = await opened()
    const events: string[] = []
    const room = topics.subscribe(page, 'room')
    const other = topics.subscribe(page, 'other')
    for (const type of ['statechange', 'error', 'close', 'open'])
      room.addEventListener(type, () => void events.push(`${type} ${room.state}`))
    await settle()
    said()
    topics.unsubscribed('room', { kind: 'status', status: 402, code: 'server-refused', detail: 'pay first' })
    expect(events).toEqual(['statechange refused', 'error refused', 'close refused'])
    expect(room.error).toMatchObject({ kind: 'declined', status: 402 })
    await expect(room.opened).rejects.toThrow('pay first')
    expect(other.state).toBe('subscribing')
    await settle()
    expect(said()).toEqual([])
    topics.subscribe(page, 'room')
    await settle()
    expect(said()).toEqual(['rt.subscribe 3!:room'])
  })

  it('is subscribing again when its line fails, hears why, and goes on where it stood by reconnect()', async () => {
    const { topics } = await opened()
    const room = topics.subscribe(page, 'room')
    const errors: string[] = []
    room.onerror = ({ error }) => void errors.push(error.kind)
    hear(topics, 'room', 'a.5.x')
    await settle()
    topics.interrupted()
    topics.closed({ kind: 'status', status: 403, code: 'server-refused' })
    expect([room.state, room.readyState, room.lastEventId]).toEqual(['subscribing', 0, 'a.5.x'])
    expect(errors).toHaveLength(1)
    const late = topics.subscribe(page, 'late')
    expect(late.state).toBe('subscribing')
    expect(topics.query().slice(1)).toEqual([
      ['rt.t', 'a.5.x:room'],
      ['rt.t', '2!:late'],
    ])
    topics.welcomed(setOf(topics))
    expect([room.state, late.state]).toEqual(['subscribed', 'subscribing'])
  })

  it('is closed with its line, and so is one that comes later', async () => {
    const { topics } = await opened()
    const room = topics.subscribe(page, 'room')
    const closes: string[] = []
    room.onclose = () => void closes.push(room.state)
    topics.closed(undefined)
    expect(closes).toEqual(['closed'])
    await expect(room.opened).rejects.toMatchObject({ kind: 'closed' })
    const late = topics.subscribe(page, 'late')
    expect([late.state, late.readyState]).toEqual(['closed', 2])
    expect(topics.query()).toHaveLength(1)
  })

  it('hears messages by name, gaps, and nothing once it is closed', async () => {
    const { topics } = await opened()
    const [one, two] = [topics.subscribe(page, 'room'), topics.subscribe(page, 'room')]
    const heard: string[] = []
    for (const [name, each] of Object.entries({ one, two })) {
      each.onmessage = ({ data, topic, lastEventId }) =>
        void heard.push(`${name} ${topic} ${data} ${lastEventId}`)
      each.addEventListener('price', () => void heard.push(`${name} price`))
      each.addEventListener(
        'gap',
        ({ reason, from, to }) => void heard.push(`${name} ${reason} ${from} ${to}`),
      )
    }
    hear(topics, 'room', 'a.1.x')
    // A listener that closes another one's subscription is heard at once.
    one.addEventListener('price', () => two.close())
    topics.message(page, 'room', 'message', 'hi', 'a.2.x', 'https://origin')
    topics.gap(page, 'room', { reason: 'trimmed', from: 'a.2.x', to: 'a.4.x' })
    topics.message(page, 'room', 'price', 1, 'a.5.x', 'https://origin')
    topics.message(page, 'other', 'message', 'hi', 'a.6.x', 'https://origin')
    expect(heard).toEqual([
      'one room hi a.2.x',
      'two room hi a.2.x',
      'one trimmed a.2.x a.4.x',
      'two trimmed a.2.x a.4.x',
      'one price',
    ])
  })

  it('is a loop over its messages, which ends with it', async () => {
    const { topics } = await opened()
    const room = topics.subscribe(page, 'room')
    const heard: unknown[] = []
    const loop = (async () => {
      for await (const { data } of room) heard.push(data)
    })()
    await settle()
    topics.message(page, 'room', 'message', 'one', 'a.1.x', '')
    topics.message(page, 'room', 'message', 'two', 'a.2.x', '')
    await settle()
    room.close()
    await loop
    expect(heard).toEqual(['one', 'two'])
  })

  it('ends its loop with the error that it was refused with', async () => {
    const { topics } = await opened()
    const room = topics.subscribe(page, 'room')
    const loop = (async () => {
      for await (const _ of room);
    })()
    await settle()
    topics.unsubscribed('room', { kind: 'status', status: 403, code: 'server-refused' })
    await expect(loop).rejects.toMatchObject({ kind: 'declined' })
  })

  it.each(['open', 'error', 'close', 'gap', 'statechange'])(
    'hears a message that is called "%s" as a message, and no loop and no promise is misled',
    async name => {
      const { topics } = await opened()
      const room = topics.subscribe(page, 'room')
      const heard: unknown[] = []
      room.addEventListener(name, event => void heard.push((event as MessageEvent).data))
      void room.opened
      topics.message(page, 'room', name, 'data', 'a.1.x', '')
      expect(heard).toEqual(['data'])
      hear(topics, 'room', 'a.1.x')
      await room.opened
    },
  )
})

describe('the whole position', () => {
  const names = ['a,b', 'a:b', '100%', '%2C', 'ü 😀', ' ', '*star', '=&?#', '"']

  it('is one text, which another line reads back, whatever the names are', () => {
    const { topics } = make()
    names.forEach((name, n) => {
      topics.subscribe(page, name)
      hear(topics, name, `a.${n}.x`)
    })
    topics.subscribe(page, 'without a position yet')
    const position = topics.write('a.99.x')
    const next = make().topics
    expect(next.read(position)).toBe('a.99.x')
    expect(next.write('a.99.x')).toBe(position)
    expect(next.query().slice(1)).toEqual(names.map((name, n) => ['rt.t', `*a.${n}.x:${name}`]))
    const [name = ''] = names
    expect(next.subscribe(page, name, { history: 3 }).lastEventId).toBe('a.0.x')
    expect(next.query()[1]).toEqual(['rt.t', `1!a.0.x:${name}`])
  })

  it('is the cursor alone, where no topic has a position', () => {
    expect(make().topics.write('a.1.x')).toBe('a.1.x')
    expect(make().topics.write('')).toBe('')
    expect(make().topics.read('')).toBe('')
  })

  it.each(['a.1.x,', 'a.1.x,b', 'a.1.x,:room', 'a.1.x,b:', 'a.1.x,b:%', 'a.1.x,b:%ff', 'a.1.x,,,'])(
    'is read as far as it is one: %j',
    position => {
      const { topics } = make()
      expect(topics.read(position)).toBe('a.1.x')
      expect(topics.query()).toEqual([['rt.s', '0']])
    },
  )

  it('can be written whatever a server calls its topics', () => {
    const { topics } = make()
    topics.greeted({ 'half \ud800': 'a.1.x' })
    expect(topics.write('')).toBe(',a.1.x:half%20%EF%BF%BD')
    expect(topics.query()).toHaveLength(2)
  })
})

describe('subscribe()', () => {
  const wide = 'ü'.repeat(128)

  it.each(['x', 'x'.repeat(256), wide, 'rt', 'art.', ' ', '*', '-5', '😀'])('takes the name %j', name => {
    expect(make().topics.subscribe(page, name).topic).toBe(name)
  })

  it.each([
    '',
    'x'.repeat(257),
    `${wide}x`,
    'a\rb',
    'a\nb',
    'a\0b',
    'rt.',
    'rt.to.x',
    '\ud800',
    'a\udc00b',
    undefined,
    null,
    7,
    {},
  ])('throws a TypeError for %j, and asks for nothing', name => {
    const { topics } = make()
    expect(() => topics.subscribe(page, name as string)).toThrow(TypeError)
    expect(topics.query()).toEqual([['rt.s', '0']])
  })

  it.each([
    { history: -1 },
    { history: 1.5 },
    { history: Number.NaN },
    { history: 1e15 },
    { history: Number.NEGATIVE_INFINITY },
    { history: '5' },
    { history: null },
    { since: '' },
    { since: 'a b' },
    { since: 'a,b' },
    { since: 'a:b' },
    { since: '-5' },
    { since: '@5' },
    { since: 'x'.repeat(65) },
    { since: 1_700_000_000_000 },
    { since: new Date(Number.NaN) },
    { since: new Date(-1) },
    { since: new Date(8.64e15) },
    { since: null },
    { history: 1, since: 'a.1.x' },
  ])('throws a TypeError for the options %j', options => {
    const { topics } = make()
    expect(() => topics.subscribe(page, 'room', options as never)).toThrow(TypeError)
    expect(topics.query()).toEqual([['rt.s', '0']])
  })
})
