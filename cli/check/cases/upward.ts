import { encode } from '../../../src/wire/encoder.ts'
import { createParser } from '../../../src/wire/parser.ts'
import { type Case, everyPoll, everyWay } from '../case.ts'
import { brief, shownBlock } from '../channel.ts'
import {
  ackedIn,
  isMessage,
  type Listening,
  type Said,
  type Sender,
  slice,
  statusOf,
  type Trial,
  textOf,
} from '../trial.ts'
import { expect, expectSame, NotTried } from '../verdict.ts'
import { earOf, expectUntaken } from './format.ts'

const clause = 'Upward'

export const upward: Case[] = [
  {
    name: 'up.ack',
    clause: '`rt.ack`',
    rule: '`rt.ack` has the highest number that was taken',
    by: everyWay,
    async run(trial) {
      const up = await trial.sender(trial.way)
      expectAck(await up.say(message(1, trial.mark)), 1)
      expectAck(await up.say(message(2, trial.mark) + message(3, trial.mark)), 3)
    },
  },
  {
    name: 'up.published',
    clause: 'The check profile',
    rule: 'what is sent up is published to all who hear the address, in order',
    by: everyWay,
    async run(trial) {
      if (trial.given.publish) throw new NotTried('this server is told to publish by --publish')
      const ear = await trial.listen(earOf(trial))
      const up = await trial.sender(trial.way)
      await up.send(...['a', 'b', 'c'].map(end => ({ data: trial.mark + end })))
      expectSame(
        await heard(trial, ear, `${trial.mark}c`),
        ['a', 'b', 'c'].map(end => trial.mark + end),
        'what was heard',
      )
    },
  },
  {
    name: 'up.once',
    clause,
    rule: 'a number is taken once: one that comes again is dropped, and acknowledged again',
    by: everyWay,
    async run(trial) {
      const ear = await trial.listen(earOf(trial))
      const up = await trial.sender(trial.way)
      expectAck(await up.say(message(1, `${trial.mark} once`)), 1)
      expectAck(await up.say(message(1, `${trial.mark} twice`)), 1)
      expectAck(await up.say(message(1, `${trial.mark} thrice`) + message(2, `${trial.mark} two`)), 2)
      await expectHeard(trial, ear, [`${trial.mark} once`, `${trial.mark} two`])
    },
  },
  {
    name: 'up.gap',
    clause,
    rule: 'a number that is too high is not taken: 409 to a POST, and an `rt.ack` that says which was the last',
    by: everyWay,
    async run(trial) {
      const ear = await trial.listen(earOf(trial))
      const up = await trial.sender(trial.way)
      expectAck(await up.say(message(1, `${trial.mark} one`)), 1)
      const early = await up.say(message(3, `${trial.mark} early`))
      expectSame(
        { status: early.status, acked: ackedIn(early.blocks) },
        { status: up.way === 'post' ? 409 : 200, acked: 1 },
        'the answer to number 3 behind number 1',
      )
      expectAck(await up.say(message(2, `${trial.mark} two`)), 2)
      await expectHeard(trial, ear, [`${trial.mark} one`, `${trial.mark} two`])
    },
  },
  {
    name: 'up.malformed',
    clause: '`rt.fail`: refused, and why',
    rule: 'a WebSocket frame of bytes is told 400 by `rt.fail`, and the socket is closed',
    over: ['websocket'],
    async run(trial) {
      const channel = await trial.listen('websocket')
      channel.send(Buffer.from('id: 1\ndata: x\n\n'))
      const told = await channel.next('rt.fail', ({ event }) => event === 'rt.fail')
      expectSame(statusOf(told), 400, 'the status in rt.fail')
      await expectEnded(trial, channel)
    },
  },
  {
    name: 'up.too-many',
    clause: '`rt.open`: first block of every channel',
    rule: 'more than `limits.messages` at once are answered 413, and none of them is taken',
    by: everyWay,
    async run(trial) {
      const up = await trial.sender(trial.way)
      const { messages, batch } = up.opening.limits
      const text = Array.from({ length: messages + 1 }, (_, at) => message(at + 1, 'x')).join('')
      if (messages > 5_000 || up.way === 'jsonp') throw new NotTried('takes more than is reasonable to send')
      if (text.length > batch) throw new NotTried(`limits.batch, ${batch}, is reached before`)
      await expectTooMuch(trial, up, text)
    },
  },
  {
    name: 'up.too-large',
    clause: '`rt.open`: first block of every channel',
    rule: 'a message longer than `limits.message` is answered 413',
    by: everyWay,
    async run(trial) {
      const up = await trial.sender(trial.way)
      const { message: most } = up.opening.limits
      if (most > 2 ** 22 || up.way === 'jsonp') throw new NotTried('takes more than is reasonable to send')
      await expectTooMuch(trial, up, message(1, 'x'.repeat(most)))
    },
  },
  {
    name: 'up.too-long',
    clause: '`rt.open`: first block of every channel',
    rule: 'several messages that are longer than `limits.batch` together are answered 413',
    by: everyWay,
    async run(trial) {
      const up = await trial.sender(trial.way)
      const { message: most, batch } = up.opening.limits
      if (batch > 2 ** 22 || up.way === 'jsonp') throw new NotTried('takes more than is reasonable to send')
      if (batch > 2 * most) throw new NotTried('limits.batch is more than two messages may be')
      const half = 'x'.repeat(Math.ceil(batch / 2))
      await expectTooMuch(trial, up, message(1, half) + message(2, half))
    },
  },
  {
    name: 'up.largest',
    clause: '`rt.open`: first block of every channel',
    rule: 'a message of `limits.message` bytes, its block as it is written, is taken',
    by: ['post', 'websocket'],
    async run(trial) {
      const up = await trial.sender(trial.way)
      const { message: most } = up.opening.limits
      if (most > 2 ** 22) throw new NotTried('takes more than is reasonable to send')
      const room = most - message(1, '').length
      // An application may refuse so much by itself: that is no answer of the wire's.
      const { status, blocks } = await up.say(message(1, 'x'.repeat(room)))
      expectSame({ status, acked: ackedIn(blocks) }, { status: 200, acked: 1 }, 'the answer')
    },
  },
  {
    name: 'post.type',
    clause,
    rule: 'a POST with another type than `text/event-stream` is answered 415, and not taken',
    by: ['post'],
    async run(trial) {
      const up = await trial.sender('post')
      for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json', '']) {
        const { status } = await trial.post(up.session, message(1, trial.mark), { 'content-type': type })
        expectSame(status, 415, `the status of a POST of type ${type || 'that is not told'}`)
      }
      await expectUntaken(trial, up)
    },
  },
  {
    name: 'post.unknown-session',
    clause,
    rule: 'a POST to a session that is unknown is answered 404',
    by: ['post'],
    async run(trial) {
      const { status } = await trial.post(`unknown-${trial.mark}`, message(1, trial.mark))
      expectSame(status, 404, 'the status')
    },
  },
  {
    name: 'post.answer',
    clause,
    rule: 'a POST is answered 200 with `text/event-stream`',
    by: ['post'],
    async run(trial) {
      const up = await trial.sender('post')
      const { status, headers, text } = await trial.post(up.session, message(1, trial.mark))
      const type = `${headers['content-type']}`
      expect(
        status === 200 && /^text\/event-stream/i.test(type),
        '200, text/event-stream',
        `${status}, ${type}`,
      )
      expectSame(ackedIn(createParser().feed(text)), 1, 'rt.ack')
    },
  },
  {
    name: 'jsonp.slices',
    clause,
    rule: 'over JSONP slices are put together: one that is there already is ignored, one beyond the end is answered with the `rt.ack` of before',
    by: ['jsonp'],
    async run(trial) {
      const ear = await trial.listen(earOf(trial))
      const up = await trial.sender('jsonp')
      const data = `${trial.mark} 안녕 👋 ${'x'.repeat(300)}`
      const text = message(1, data)
      const [a, b] = [100, 200]
      const { length } = text
      for (const [at, end, acked] of [
        [0, a, 0],
        [b, length, 0],
        [a, b, 0],
        [a, b, 0],
        [b, length, 1],
      ] as const) {
        const said = await slice(trial, up.session, text, at, end)
        expectSame(ackedIn(said.blocks), acked, `rt.ack to the slice from ${at} to ${end} of ${length}`)
      }
      await expectHeard(trial, ear, [data])
    },
  },
  {
    name: 'up.bye',
    clause,
    rule: 'an `rt.bye` ends the session: what came before it is taken and acknowledged, then its channels are ended',
    by: everyWay,
    async run(trial) {
      const ear = await trial.listen(earOf(trial))
      const up = await trial.sender(trial.way)
      expectAck(await up.say(`${message(1, trial.mark)}event: rt.bye\ndata\n\n`), 1)
      // A poll ends in any case, and the next one begins another session.
      if (!everyPoll.includes(up.channel.via)) await expectEnded(trial, up.channel)
      await expectHeard(trial, ear, [trial.mark])
      const again = await trial.listen(earOf(trial), { 'rt.sid': up.session })
      expect(
        again.opening.session !== up.session,
        'a session that was ended to be unknown',
        'rt.open with the same session',
      )
    },
  },
  {
    name: 'answer',
    clause: '`rt.answer`: what the application answers',
    rule: 'an `rt.answer` names the number and the session, has an id, and comes once',
    by: everyWay,
    async run(trial) {
      const up = await trial.sender(trial.way)
      const asked = encode({ id: '1', data: trial.mark, re: 'answer' })
      expectAck(await up.say(asked), 1)
      const isAnswer = ({ event }: { event: string | undefined }) => event === 'rt.answer'
      const here = await trial.listen(earOf(trial), { 'rt.sid': up.session, 'rt.id': up.channel.first.id })
      await trial.publish({ data: `${trial.mark}>` })
      await here.next('a message that is published then', ({ data }) => data === `${trial.mark}>`)
      const answers = here.blocks.filter(isAnswer)
      if (answers.length === 0) throw new NotTried('not offered: no answer came')
      expectSame(
        answers.map(({ re }) => re),
        [`1 ${up.session}`],
        '`re` of the answers',
      )
      expect(answers[0]?.id !== undefined, 'an id of the answer', shownBlock(answers[0] as never))
      expectAck(await up.say(asked), 1)
      await trial.publish({ data: `${trial.mark}>>` })
      await here.next('a message that is published then', ({ data }) => data === `${trial.mark}>>`)
      expectSame(here.blocks.filter(isAnswer).length, 1, 'the answers to number 1 that came twice')
    },
  },
  {
    name: 'nack',
    clause: '`rt.nack`: a message was not taken',
    rule: 'an `rt.nack` comes before the `rt.ack` that covers it, again when the number comes again, and uses the number up',
    by: everyWay,
    async run(trial) {
      const { refuses } = trial.given
      if (refuses === undefined) throw new NotTried('--refuses names no event that the application refuses')
      const up = await trial.sender(trial.way)
      const refused = encode({ id: '1', event: refuses, data: trial.mark })
      for (const text of [refused, refused]) {
        const { blocks } = await up.say(text)
        const told = blocks.filter(({ event }) => event === 'rt.nack' || event === 'rt.ack')
        expectSame(
          told.map(({ event }) => event),
          ['rt.nack', 'rt.ack'],
          'the answer',
        )
        const { number, status } = JSON.parse(told[0]?.data ?? '{}')
        expect(number === 1 && status >= 400, 'number 1 and a status in rt.nack', brief(told[0]?.data ?? ''))
      }
      expectAck(await up.say(message(2, trial.mark)), 2)
    },
  },
]

function message(number: number, data: string): string {
  return encode({ id: `${number}`, data })
}

function expectAck({ status, blocks }: Said, number: number): void {
  expectSame({ status, acked: ackedIn(blocks) }, { status: 200, acked: number }, 'the answer')
}

/** What is heard of the case's own messages, the last one included. */
async function heard(trial: Trial, ear: Listening, last: string): Promise<string[]> {
  await ear.next(`the message ${brief(last)}`, block => textOf(block) === last)
  return ear.blocks
    .filter(isMessage)
    .map(textOf)
    .filter(text => text.startsWith(trial.mark))
}

/** What was heard until a message that is published now: nothing is waited for that must not come. */
async function expectHeard(trial: Trial, ear: Listening, texts: string[]): Promise<void> {
  if (trial.given.publish) return
  const last = `${trial.mark} last`
  await trial.publish({ data: last })
  expectSame(await heard(trial, ear, last), [...texts, last], 'what was heard')
}

/** A refusal for its size; a frame may be answered by the close code alone. */
async function expectTooMuch(trial: Trial, up: Sender, text: string): Promise<void> {
  if (up.way === 'websocket') {
    up.channel.send(text)
    const told = await up.channel.next('rt.fail', ({ event }) => event === 'rt.fail').catch(() => undefined)
    const code = await expectEnded(trial, up.channel)
    const words = told ? `rt.fail ${statusOf(told)}` : `close code ${code}`
    expect(told ? statusOf(told) === 413 : code === 1009, 'rt.fail 413, or close code 1009', words)
  } else expectSame((await up.say(text)).status, 413, 'the status')
  await expectUntaken(trial, up)
}

async function expectEnded({ place }: Trial, channel: Listening): Promise<number | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'late'>(resolve => {
    timer = setTimeout(resolve, place.patience, 'late')
  })
  const code = await Promise.race([channel.ended, late])
  clearTimeout(timer)
  expect(code !== 'late', 'the channel to be ended', `still open after ${place.patience / 1000} s`)
  return code
}
