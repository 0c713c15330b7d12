import type { Block } from '../../../src/wire/block.ts'
import { pack, unpack } from '../../../src/wire/payload.ts'
import { type Case, every, everyWay } from '../case.ts'
import { brief } from '../channel.ts'
import { ackedIn, between, isMessage, type Sender, type Trial } from '../trial.ts'
import { expect, expectSame, NotTried } from '../verdict.ts'

const clause = 'One format'

export const format: Case[] = [
  {
    name: 'format.text',
    clause,
    rule: 'a text comes as it was published: several lines, an empty one, a space at its beginning, any script',
    over: every,
    run: trial =>
      roundTrip(trial, [
        'one\ntwo\n\nthree',
        '',
        ' leads',
        'a: b',
        'data: x',
        '안녕 👋 é',
        '<b>"\u2028\u2029\\',
      ]),
  },
  {
    name: 'format.escaped',
    clause,
    rule: 'a text with CR and NUL, in `enc: escaped`, comes as it was published',
    over: every,
    run: trial => roundTrip(trial, ['a\rb', 'a\r\nb\0c\\r', '\\']),
  },
  {
    name: 'format.bytes',
    clause,
    rule: 'bytes, in `enc: base64`, come as they were published',
    over: every,
    async run(trial) {
      if (trial.given.publish) throw new NotTried('bytes cannot be published by the address for publishing')
      await roundTrip(trial, [Uint8Array.from({ length: 256 }, (_, at) => at).buffer])
    },
  },
  {
    name: 'format.json',
    clause,
    rule: 'a value comes with `type: json`, and a text that looks like one without',
    over: every,
    async run(trial) {
      const channel = await trial.listen(trial.via)
      const data = '{"a":[1,null,"x"]}'
      await trial.publish(
        { data: `${trial.mark}<` },
        { data, type: 'json' },
        { data },
        { data: `${trial.mark}>` },
      )
      const [, value, text] = await between(channel, `${trial.mark}<`, `${trial.mark}>`)
      expectSame(value?.type, 'json', 'the type of the value')
      expectSame(JSON.parse(value?.data ?? 'null'), JSON.parse(data), 'the value')
      expectSame(text && [text.type ?? 'none', text.data], ['none', data], 'the type and data of the text')
    },
  },
  {
    name: 'format.event',
    clause,
    rule: "an event's name comes with its message, and no name with one that has none",
    over: every,
    async run(trial) {
      const channel = await trial.listen(trial.via)
      await trial.publish(
        { data: `${trial.mark}<` },
        { event: 'note', data: 'a' },
        { event: '소식', data: 'b' },
        { data: `${trial.mark}>` },
      )
      const names = (await between(channel, `${trial.mark}<`, `${trial.mark}>`)).map(
        ({ event = 'message' }) => event,
      )
      expectSame(names, ['message', 'note', '소식', 'message'], 'the names of the events')
    },
  },
  {
    name: 'format.lf',
    clause,
    level: 'SHOULD',
    rule: 'lines end with LF',
    over: every,
    async run(trial) {
      const channel = await trial.listen(trial.via)
      await trial.publish({ data: `${trial.mark}<` }, { data: `${trial.mark}>` })
      await between(channel, `${trial.mark}<`, `${trial.mark}>`)
      const found = channel.pieces.find(piece => piece.includes('\r'))
      expect(found === undefined, 'no CR in what comes', brief(found ?? ''))
    },
  },
  {
    name: 'format.line-ends',
    clause,
    rule: 'what comes up is read with lines that end with LF, CR or CRLF',
    by: everyWay,
    async run(trial) {
      const up = await trial.sender(trial.way)
      const texts = ['\n', '\r', '\r\n'].map(
        (end, at) => `id: ${at + 1}${end}data: ${trial.mark} ${at}${end}data: b${end}${end}`,
      )
      for (const [at, text] of texts.entries()) {
        const { blocks } = await up.say(text)
        expectSame(ackedIn(blocks), at + 1, 'rt.ack')
      }
    },
  },
  {
    name: 'format.unknown-field',
    clause,
    rule: 'fields that are not known, and comments, are passed over in what comes up',
    by: everyWay,
    async run(trial) {
      const up = await trial.sender(trial.way)
      const { blocks } = await up.say(`: a comment\nid: 1\nx-new: 1\nfield\ndata: ${trial.mark}\n\n`)
      expectSame(ackedIn(blocks), 1, 'rt.ack')
    },
  },
  {
    name: 'format.own-names',
    clause,
    rule: 'nobody can publish an event whose name begins with `rt.`',
    by: everyWay,
    async run(trial) {
      const ear = await trial.listen(earOf(trial))
      const up = await trial.sender(trial.way)
      await up.say(`id: 1\nevent: rt.tick\ndata: ${trial.mark}\n\n`)
      await trial.publish({ data: `${trial.mark}>` })
      await ear.next('a message that is published then', ({ data }) => data === `${trial.mark}>`)
      const told = ear.blocks.find(({ data }) => data === trial.mark)
      expect(told === undefined, 'no block rt.tick that a client has written', told?.event)
    },
  },
  {
    name: 'format.bad-json',
    clause,
    rule: 'a message with `type: json` whose data is no JSON is answered 400, and not taken',
    by: everyWay,
    async run(trial) {
      const up = await trial.sender(trial.way)
      const { status } = await up.say(`id: 1\ntype: json\ndata: {${trial.mark}\n\n`)
      expectSame(status, 400, 'the status')
      await expectUntaken(trial, up)
    },
  },
  {
    name: 'format.bad-number',
    clause: 'Upward',
    rule: 'a message whose id is no number is answered 400, and not taken',
    by: everyWay,
    async run(trial) {
      const up = await trial.sender(trial.way)
      const { status } = await up.say(`id: first\ndata: ${trial.mark}\n\n`)
      expectSame(status, 400, 'the status')
      await expectUntaken(trial, up)
    },
  },
]

/** A transport that is heard beside what the case is about. */
export function earOf({ offer }: Trial) {
  const heard = offer.channels.find(via => via === 'xhr-streaming') ?? offer.channels[0]
  if (heard === undefined) throw new NotTried('no channel is offered')
  return heard
}

/** Number 1 of the session is free still: another channel of it says so. */
export async function expectUntaken(trial: Trial, { session }: Sender): Promise<void> {
  const { opening } = await trial.listen(earOf(trial), { 'rt.sid': session })
  if (opening.session === session) expectSame(opening.acked, 0, 'what rt.open says that was acked')
}

async function roundTrip(trial: Trial, sent: (string | ArrayBuffer)[]): Promise<void> {
  const channel = await trial.listen(trial.via)
  const ends: [Partial<Block>, Partial<Block>] = [{ data: `${trial.mark}<` }, { data: `${trial.mark}>` }]
  await trial.publish(ends[0], ...sent.map(pack), ends[1])
  const blocks = await between(channel, `${trial.mark}<`, `${trial.mark}>`)
  expectSame(blocks.slice(1, -1).filter(isMessage).map(contentOf), sent.map(comparable), 'what came')
}

function contentOf({ data = '', encoding }: Block): unknown {
  try {
    return comparable(unpack(data, encoding))
  } catch {
    return `unreadable: ${data} in ${encoding}`
  }
}

function comparable(content: string | ArrayBuffer): unknown {
  return typeof content === 'string' ? content : { bytes: Buffer.from(content).toString('hex') }
}
