import { describe, expect, test } from 'vitest'
import type { Incoming, Position, RequestContext } from '../../src/contracts/dialect.ts'
import { finalReason } from '../../src/contracts/final-failures.ts'
import type { Frame } from '../../src/contracts/frame.ts'
import { socketio } from '../../src/dialects/socketio.ts'
import { madeBy, ours } from '../support/dialects.ts'
import { cut, fake, status } from '../support/fakes.ts'
import { openLine } from '../support/line.ts'

const dialect = socketio()
const handshake = '{"sid":"s1","upgrades":[],"pingInterval":20000,"pingTimeout":5000,"maxPayload":1000}'
const fresh: Position = { cursor: '', session: undefined }
const greeted: Position = { cursor: '', session: handshake }
const recovering: Position = { cursor: 'p1 Q7-HQtf', session: handshake }

function requestFor(ask: Partial<RequestContext>, as = dialect) {
  const url = as.addressing.buildRequest({
    ...madeBy(ask.via ?? 'websocket'),
    url: new URL('https://host.test/socket.io/?room=1'),
    headers: {},
    token: 'secret',
    position: fresh,
    nonce: 'n0nce',
    line: 'l1ne',
    ...ask,
  }).url
  return { url, query: Object.fromEntries(new URL(url).searchParams) }
}

/** What packets mean that come out of a WebSocket at this position. */
function meanings(packets: (string | ArrayBuffer)[], position = greeted): Frame[] {
  const reader = dialect.framing.reader(ours('websocket'))
  return packets
    .flatMap(packet => reader.feed(packet))
    .map(block => dialect.protocol.parseFrame(block, position))
}

/** Those of an event that comes once the line is open. */
const heard = (packet: string | string[], position = greeted) =>
  meanings(['40{"sid":"a"}', ...[packet].flat()], position).slice(2)

/** What is said to the server when it opens. */
function greeting(position: Position, token?: string, as = dialect): unknown {
  const meaning = as.protocol.parseFrame({ event: '0', data: handshake } as Incoming, position)
  if (meaning.type !== 'reply') throw new Error(meaning.type)
  expect(meaning.session).toBe(handshake)
  return JSON.parse((meaning.text(token) as string).replace(/^40/, ''))
}

describe('a request', () => {
  test('goes to the path as it is, with the page’s parameters', () => {
    const { url, query } = requestFor({})
    expect(url).toMatch(/^wss:\/\/host\.test\/socket\.io\/\?room=1&/)
    expect(query).toMatchObject({ room: '1', EIO: '4', transport: 'websocket' })
  })

  test('adds the slash that Socket.IO’s path ends in', () => {
    expect(requestFor({ url: new URL('https://host.test/socket.io') }).url).toContain('/socket.io/?')
  })

  test('names the session from the second poll on, and when it posts', () => {
    expect(requestFor({ via: 'long-polling', pollIndex: 0, position: greeted }).query).not.toHaveProperty(
      'sid',
    )
    expect(requestFor({ via: 'long-polling', pollIndex: 1, position: greeted }).query).toMatchObject({
      transport: 'polling',
      sid: 's1',
    })
    expect(requestFor({ via: 'post', position: greeted }).query).toHaveProperty('sid', 's1')
    expect(requestFor({ via: 'websocket', position: greeted }).query).not.toHaveProperty('sid')
  })

  test('keeps the token out of the address', () => {
    for (const via of ['websocket', 'long-polling', 'post'] as const)
      expect(requestFor({ via }).url).not.toContain('secret')
  })
})

describe('the greeting', () => {
  test('holds the token and what else the page gave', () => {
    expect(greeting(fresh)).toEqual({})
    expect(greeting(fresh, 'secret')).toEqual({ token: 'secret' })
    expect(greeting(fresh, 'secret', socketio({ auth: { room: 'lobby', token: 'none' } }))).toEqual({
      room: 'lobby',
      token: 'secret',
    })
  })

  test('asks for what was missed where there is a position', () => {
    expect(greeting(recovering, 't')).toEqual({ pid: 'p1', offset: 'Q7-HQtf', token: 't' })
    expect(greeting({ ...recovering, cursor: 'p1' })).toEqual({ pid: 'p1' })
  })
})

describe('the opening', () => {
  const opening = (packet: string, position: Position) => meanings([packet], position)

  test('tells what the server promised in its handshake', () => {
    const [open] = opening('40{"sid":"a"}', greeted)
    expect(open).toMatchObject({
      type: 'hello',
      cursor: undefined,
      hello: { resumed: false, heartbeat: 20_000, limits: { message: 1_000 } },
    })
  })

  test('gives a position where the server has recovery', () => {
    expect(opening('40{"sid":"a","pid":"p1"}', greeted)).toMatchObject([
      { type: 'hello', cursor: 'p1' },
      { type: 'nothing' },
    ])
  })

  test('is a resumption if the server knows us, and a gap if not', () => {
    expect(opening('40{"sid":"b","pid":"p1"}', recovering)).toMatchObject([
      { type: 'hello', hello: { resumed: true } },
      { type: 'nothing' },
    ])
    expect(opening('40{"sid":"b","pid":"p2"}', recovering)).toMatchObject([
      { type: 'hello', hello: { resumed: false } },
      { type: 'gap', cursor: 'p2', gap: { from: 'p1 Q7-HQtf', to: 'p2' } },
    ])
    // A server that was configured anew has no recovery any more, and nothing to continue from.
    expect(opening('40{"sid":"b"}', recovering)).toMatchObject([
      { type: 'hello', hello: { resumed: false } },
      { type: 'gap', cursor: '', gap: { from: 'p1 Q7-HQtf', to: '' } },
    ])
  })

  test('comes before the events that the server sends before it', () => {
    const packets = [
      '42["message",1,"Q7-HQtg"]',
      '2',
      '42["message",2,"Q7-HQth"]',
      '40{"sid":"b","pid":"p1"}',
    ]
    expect(meanings(packets, recovering).map(({ type }) => type)).toEqual([
      'reply',
      'hello',
      'nothing',
      'message',
      'message',
    ])
  })
})

describe('an event', () => {
  test.each([
    ['42["message","a"]', 'message', '"a"'],
    ['42["chat",{"to":"ALL"}]', 'chat', '{"to":"ALL"}'],
    ['42["none"]', 'none', 'null'],
    ['42["several",1,"b"]', 'several', '[1,"b"]'],
  ])('%s', (packet, event, data) => {
    expect(heard(packet)).toEqual([{ type: 'message', event, data, cursor: undefined, answer: undefined }])
  })

  test('ends in its offset where there is recovery', () => {
    expect(heard('42["chat",1,"Q7-HQtg"]', recovering)).toMatchObject([{ data: '1', cursor: 'p1 Q7-HQtg' }])
    expect(heard('42["none","1692000000000-0"]', recovering)).toMatchObject([
      { data: 'null', cursor: 'p1 1692000000000-0' },
    ])
  })

  test.each(['"goodbye"', '"a-long-text"', '"version.2.0.1"', '"Hello12"', '"0123456789"'])(
    'that is volatile and ends in the text %s has none, so that recovery of what follows is not spoilt',
    text => {
      expect(heard(`42["chat",${text}]`, recovering)).toMatchObject([{ data: text, cursor: undefined }])
    },
  )

  test('that is text and looks like an attachment is that text', () => {
    const text = '{"_placeholder":true,"num":0}'
    expect(heard(`42["message",${text}]`)).toMatchObject([{ data: text }])
    expect(heard(`431[${text}]`)).toMatchObject([{ type: 'answer', data: text }])
  })

  test('that is volatile has none', () => {
    expect(heard('42["chat","hi there"]', recovering)).toMatchObject([
      { data: '"hi there"', cursor: undefined },
    ])
    expect(heard('42["chat",12345678]', recovering)).toMatchObject([{ data: '12345678', cursor: undefined }])
  })

  test('that wants an answer has no offset, and writes the answer', () => {
    const [message] = heard('4212["ask","Q7-HQtg"]', recovering)
    expect(message).toMatchObject({ type: 'message', event: 'ask', data: '"Q7-HQtg"', cursor: undefined })
    if (message?.type !== 'message') throw new Error(message?.type)
    expect(message.answer?.('{"ok":true}')).toBe('4312[{"ok":true}]')
    expect(message.answer?.(Uint8Array.of(1))).toBe('461-12[{"_placeholder":true,"num":0}]\x1ebAQ==')
  })
})

describe('bytes', () => {
  const bytes = Uint8Array.of(255, 0).buffer
  const named = '451-["message",{"_placeholder":true,"num":0}]'

  test('that are all there is come as they are, with recovery or without', () => {
    const reader = dialect.framing.reader(ours('websocket'))
    const blocks = ['40{"sid":"a"}', named, bytes].flatMap(packet => reader.feed(packet)).slice(2)
    expect(blocks.map(block => dialect.protocol.parseFrame(block, greeted))).toMatchObject([
      { type: 'message', data: bytes },
    ])
    const ended = named.replace(']', ',"Q7-HQtg"]')
    expect(heard([ended, 'b/wA='], recovering)).toMatchObject([{ data: bytes, cursor: 'p1 Q7-HQtg' }])
  })

  test('over long polling may follow in the next answer', () => {
    const first = dialect.framing.reader(ours('long-polling'))
    expect([...first.feed(`40{"sid":"a"}\x1e${named}`), ...first.end()].length).toBe(2)
    const second = dialect.framing.reader(ours('long-polling'), first)
    expect(
      [...second.feed('b/w'), ...second.feed('A='), ...second.end()].map(block =>
        dialect.protocol.parseFrame(block, greeted),
      ),
    ).toMatchObject([{ data: bytes }])
  })

  test('inside of something else stay where they are, unread', () => {
    const packet = '452-["message",{"a":{"_placeholder":true,"num":0},"b":{"_placeholder":true,"num":1}}]'
    const [message] = heard([packet, 'bAQ==', 'bAg=='])
    expect(message).toMatchObject({
      data: '{"a":{"_placeholder":true,"num":0},"b":{"_placeholder":true,"num":1}}',
    })
  })

  test('are what they are, whatever they are said to be the number of', () => {
    const packet = '451-["message",{"_placeholder":true,"num":"splice"}]'
    expect(heard([packet, 'bAQ=='])).toMatchObject([{ data: Uint8Array.of(1).buffer }])
  })

  test('are not kept but for the first, however many are announced', () => {
    const reader = dialect.framing.reader(ours('websocket'))
    reader.feed('40{"sid":"a"}')
    reader.feed('45100000-["message",{"_placeholder":true,"num":0}]')
    const pieces = Array.from({ length: 100_000 }, () => new ArrayBuffer(1_000))
    const blocks = pieces.flatMap(piece => reader.feed(piece)) as (Incoming & { attached?: unknown })[]
    expect(blocks.map(block => block.attached)).toEqual([pieces[0]])
    expect(Object.values(blocks[0] ?? {})).not.toContain(pieces[1])
  })

  test('that are no base64 cannot be read, and those of nothing are dropped', () => {
    expect(() => heard([named, 'b?'])).toThrow()
    expect(heard('bAQ==')).toEqual([])
  })

  test('go up as two packets, over WebSocket in two frames', () => {
    const text = dialect.sending.write({ event: undefined, data: bytes }, 1)
    expect(text).toBe(`451-["message",{"_placeholder":true,"num":0}]\x1eb/wA=`)
    expect(dialect.sending.frames?.(text)).toEqual(['451-["message",{"_placeholder":true,"num":0}]', 'b/wA='])
  })
})

test.each(['42[{"toString":"foo"}]', '42[null]', '42[["chat"],1]', '42{}', '42'])(
  'an event without a name, %s, cannot be read, and nothing is called by it',
  packet => {
    expect(() => heard(packet)).toThrow()
  },
)

test('a position that is no text does not stop the line from reading what comes after', () => {
  const [open] = meanings(['40{"sid":"a","pid":1000}'])
  expect(open).toMatchObject({ type: 'hello', cursor: '1000' })
})

test('what goes up names its event, and asks for an answer by number', () => {
  expect(dialect.sending.write({ event: undefined, data: '1' }, 4)).toBe('42["message",1]')
  expect(dialect.sending.write({ event: 'a"b', data: '{}', answer: true }, 4)).toBe('424["a\\"b",{}]')
})

test('an answer has the number of what it is to', () => {
  expect(heard('434[{"status":200}]')).toEqual([{ type: 'answer', number: 4, data: '{"status":200}' }])
  expect(heard('4312[]')).toMatchObject([{ number: 12, data: 'null' }])
  expect(heard('431["a",2]')).toMatchObject([{ data: '["a",2]' }])
})

test('a ping is answered', () => {
  const [reply] = heard('2')
  expect(reply?.type === 'reply' && reply.text(undefined)).toBe('3')
})

test('packets of no interest mean nothing', () => {
  expect(heard(['6', '1', ''])).toEqual([{ type: 'nothing' }, { type: 'nothing' }])
})

test('what cannot be read is not taken for anything', () => {
  for (const packet of ['42[', '42{}', '0<html>', '40{"pid"'])
    expect(() => meanings([packet, '40{}'])).toThrow()
})

describe('the end', () => {
  test('is what the server says when it disconnects a page', () => {
    expect(heard('41')).toMatchObject([{ type: 'bye', status: 204, why: 'the server said goodbye' }])
    expect(finalReason(status(204), dialect)).toBeDefined()
  })

  test('is a refusal, for a page without another token', () => {
    expect(meanings(['44{"message":"not you"}'])).toMatchObject([
      { type: 'bye', status: 401, why: 'the server said not you' },
    ])
    expect(finalReason(status(401), dialect)).toBeDefined()
  })

  test('is not a session that the server has lost', () => {
    expect(dialect.sending.isSessionLost?.(400)).toBe(true)
    expect(finalReason(status(400), dialect)).toBeUndefined()
  })
})

describe('an answer to a poll', () => {
  test('holds packets that may be cut anywhere', () => {
    const body = '40{"sid":"한"}\x1e42["message","👋"]\x1e2'
    for (let at = 0; at <= body.length; at++) {
      const reader = dialect.framing.reader(ours('long-polling'))
      const blocks = [...reader.feed(body.slice(0, at)), ...reader.feed(body.slice(at)), ...reader.end()]
      expect(blocks.map(({ event }) => event)).toEqual(['40', 'gap', '42', '2'])
    }
  })

  test('is text, and no page of a portal', () => {
    const judge = (code: number, type: string | null) =>
      dialect.framing.reader(ours('long-polling')).head?.({ status: code, header: () => type }, () => cut)
    expect(judge(200, 'text/plain; charset=UTF-8')).toBeUndefined()
    expect(judge(200, 'text/html')).toBe(cut)
    expect(judge(400, 'application/json')).toBe(cut)
  })

  test('that is too large is passed over, and the next one is read', () => {
    const reader = dialect.framing.reader(ours('long-polling'), undefined, 60)
    reader.feed('0{}\x1e40{"sid":"s"}\x1e')
    reader.feed('42["message","')
    reader.feed('x'.repeat(100))
    const [large, small] = reader.feed('"]\x1e42["message","y"]\x1e')
    expect(large).toMatchObject({ event: '42', oversized: true })
    expect(small).toMatchObject({ event: '42', data: '["message","y"]' })
    const bytes = reader.feed(`451-["message",{"_placeholder":true,"num":0}]\x1eb${'A'.repeat(100)}\x1e`)
    expect(bytes).toMatchObject([{ event: '45', oversized: true }])
  })
})

test('the proof is that the server has taken a word of ours', () => {
  expect(dialect.protocol.proof(ours('websocket'))).toEqual({ need: 'hello', within: 10_000 })
})

test.each(['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener', 'removeListener'])(
  'the event %s is reserved: it is refused by name',
  event => {
    expect(() => dialect.sending.write({ event, data: '1' }, 1)).toThrow(new RegExp(`"${event}".*reserves`))
  },
)

test.each([
  ['a WebSocket', 'websocket', ['0{"sid":"a"}', '40']],
  ['a poll', 'long-polling', ['85:0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":5000}2:40']],
  ['a poll in pieces', 'long-polling', [...'85:0{"sid":"a","upgrades":[]}2:40']],
] as const)('a server of version 2 is named in the error, by %s', (_, via, texts) => {
  const reader = dialect.framing.reader(ours(via))
  const blocks = [...texts.flatMap(text => reader.feed(text)), ...reader.end()]
  const meanings = blocks.map(block => dialect.protocol.parseFrame(block, { cursor: '', session: '{}' }))
  expect(meanings).toContainEqual({ type: 'bye', why: expect.stringContaining('version 2') })
})

test('why a connection was refused comes with all that the server said', () => {
  const reader = dialect.framing.reader(ours('websocket'))
  const told = { message: 'not you', data: { code: 7 } }
  const [refused] = reader.feed(`44${JSON.stringify(told)}`)
  expect(dialect.protocol.parseFrame(refused as Incoming, { cursor: '', session: '{}' })).toMatchObject({
    type: 'bye',
    cause: told,
  })
})

describe('the largest packet that a server takes', () => {
  test.each([
    ['of which the data alone would be small enough', 95, 'too-large'],
    ['that is just as large', 100 - '42["message",""]'.length, 'taken'],
  ])(
    'is compared with the whole packet, and with one that was sent before the line was open: one %s',
    async (_, length, outcome) => {
      const transport = fake('websocket')
      const stage = await openLine({ dialect, transports: [transport] })
      const outcomes: unknown[] = []
      const send = () =>
        void stage.line.send('x'.repeat(length)).then(
          () => outcomes.push('taken'),
          error => outcomes.push(error.kind),
        )
      send()
      const reader = dialect.framing.reader(ours('websocket'))
      transport.channel.opens()
      for (const text of ['0{"sid":"a","pingInterval":25000,"maxPayload":100}', '40{"sid":"b"}'])
        transport.channel.brings(...reader.feed(text))
      await stage.world.settle()
      for (let count = 0; count < 5; count++) transport.channel.takes()
      await stage.world.settle()
      send()
      await stage.world.settle()
      transport.channel.takes()
      await stage.world.settle()
      expect(outcomes).toEqual([outcome, outcome])
      stage.line.close()
    },
  )
})
