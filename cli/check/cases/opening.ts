import type { Block } from '../../../src/wire/block.ts'
import { type Case, every } from '../case.ts'
import { brief } from '../channel.ts'
import { between, type Opening, textOf } from '../trial.ts'
import { expect, expectSame } from '../verdict.ts'
import { earOf } from './format.ts'

const clause = '`rt.open`: first block of every channel'
const messages = 'Messages'

export const opening: Case[] = [
  {
    name: 'open.first',
    clause,
    rule: '`rt.open` is the first block, and comes without waiting for a message',
    over: every,
    run: async trial => void (await trial.listen(trial.via)),
  },
  {
    name: 'open.fields',
    clause,
    rule: '`rt.open` tells the session, whether it resumed, what was acked, heartbeat, spread and limits',
    over: every,
    async run(trial) {
      const { first, opening } = await trial.listen(trial.via)
      for (const [name, fits, words] of fields)
        expect(fits(opening, first), `${name} of rt.open: ${words}`, brief(first.data ?? ''))
    },
  },
  {
    name: 'open.session-new',
    clause,
    rule: 'each client gets a session of its own, of at least 128 random bits',
    over: every,
    async run(trial) {
      const [one, other] = [await trial.listen(trial.via), await trial.listen(trial.via)]
      expect(
        one.opening.session !== other.opening.session,
        'two clients to get two sessions',
        one.opening.session,
      )
      const { session } = one.opening
      expect(session.length >= 22, 'the 22 characters or more that 128 bits take', brief(session))
    },
  },
  {
    name: 'open.session-known',
    clause,
    rule: 'the session that `rt.sid` asks for is given while the server knows it',
    over: every,
    async run(trial) {
      const { opening } = await trial.listen(trial.via)
      const { session } = opening
      const again = await trial.listen(trial.via, { 'rt.sid': session })
      expectSame(again.opening.session, session, 'the session')
    },
  },
  {
    name: 'open.session-unknown',
    clause,
    rule: 'a session that the server does not know is answered with a new one',
    over: every,
    async run(trial) {
      const { opening } = await trial.listen(trial.via, { 'rt.sid': trial.mark })
      expect(opening.session !== trial.mark, 'another session than the one that was made up', opening.session)
      expectSame(opening.acked, 0, 'acked')
    },
  },
  {
    name: 'open.resumed',
    clause,
    rule: "with a cursor that is known `id` is that cursor, and `resumed` is true; without one it is the newest message's",
    over: every,
    async run(trial) {
      const ear = await trial.listen(earOf(trial))
      await trial.publish({ data: trial.mark })
      const message = await ear.next('the message', block => textOf(block) === trial.mark)
      const { first, opening } = await trial.listen(trial.via, { 'rt.id': message.id })
      expectSame({ id: first.id, resumed: opening.resumed }, { id: message.id, resumed: true }, 'rt.open')
      const fresh = await trial.listen(trial.via)
      expectSame(fresh.first.id, message.id, 'the id of rt.open for a new client')
    },
  },
  {
    name: 'open.acked',
    clause,
    rule: '`acked` says up to which number messages were taken from the session',
    over: every,
    async run(trial) {
      const up = await trial.sender()
      await up.send({ data: trial.mark }, { data: trial.mark })
      const { opening } = await trial.listen(trial.via, { 'rt.sid': up.session })
      expectSame(
        { session: opening.session, acked: opening.acked },
        { session: up.session, acked: 2 },
        'rt.open',
      )
    },
  },
  {
    name: 'messages.order',
    clause: messages,
    rule: 'messages come in the order of their publication, each once',
    over: every,
    async run(trial) {
      const channel = await trial.listen(trial.via)
      const texts = Array.from({ length: 20 }, (_, at) => `${trial.mark} ${at}`)
      for (let at = 0; at < texts.length; at += 5)
        await trial.publish(...texts.slice(at, at + 5).map(data => ({ data })))
      const came = await between(channel, texts[0] as string, texts.at(-1) as string)
      expectSame(came.map(textOf), texts, 'the messages')
    },
  },
  {
    name: 'messages.id',
    clause: messages,
    rule: 'each message has an id `<epoch>.<seq>.<tag>` of at most 64 characters, whose number counts up',
    over: every,
    async run(trial) {
      const channel = await trial.listen(trial.via)
      await trial.publish(...['a', 'b', 'c'].map(end => ({ data: trial.mark + end })))
      const came = await between(channel, `${trial.mark}a`, `${trial.mark}c`)
      let before = positionOf(channel.first)
      for (const block of came) {
        const at = positionOf(block)
        expect(
          at.epoch === before.epoch && at.seq > before.seq,
          `an id behind ${before.id} with a higher number`,
          at.id,
        )
        before = at
      }
    },
  },
  {
    name: 'messages.resume',
    clause: messages,
    rule: 'who comes back hears all that follows its cursor, in order and once, and then what is new',
    over: every,
    async run(trial) {
      const { mark } = trial
      const ear = await trial.listen(earOf(trial))
      await trial.publish(...[1, 2, 3, 4, 5].map(at => ({ data: `${mark} ${at}` })))
      const [, second] = await between(ear, `${mark} 1`, `${mark} 5`)
      const channel = await trial.listen(trial.via, { 'rt.id': second?.id })
      await trial.publish({ data: `${mark} 6` })
      await channel.next(`the message ${mark} 6`, block => textOf(block) === `${mark} 6`)
      const heard = channel.blocks.map(textOf).filter(text => text.startsWith(mark))
      expectSame(
        heard,
        [3, 4, 5, 6].map(at => `${mark} ${at}`),
        'what came behind the second message',
      )
    },
  },
  {
    name: 'messages.channels',
    clause: "A session's life",
    rule: 'each of several channels of one session carries everything, with the same ids',
    over: every,
    async run(trial) {
      const { mark } = trial
      const one = await trial.listen(trial.via)
      const other = await trial.listen(earOf(trial), { 'rt.sid': one.opening.session })
      expectSame(other.opening.session, one.opening.session, 'the session of the second channel')
      await trial.publish({ data: `${mark}a` }, { data: `${mark}b` })
      const heard = [await between(one, `${mark}a`, `${mark}b`), await between(other, `${mark}a`, `${mark}b`)]
      const [here, there] = heard.map(blocks => blocks.map(({ id, data }) => [id, data]))
      expectSame(there, here, 'what the second channel brings')
    },
  },
]

const fields: [string, (opening: Opening, block: Block) => boolean, string][] = [
  ['retry', (_, { retry }) => retry !== undefined, 'a field of its own, in ms'],
  ['id', (_, { id }) => isId(id), 'a position, also when nothing was ever published'],
  ['session', ({ session }) => /^[\w.~-]+$/.test(session), 'characters that need no escape in an address'],
  ['resumed', ({ resumed }) => typeof resumed === 'boolean', 'true or false'],
  ['acked', ({ acked }) => acked === 0, '0 at first'],
  [
    'heartbeat',
    ({ heartbeat }) => typeof heartbeat === 'number' && heartbeat > 0,
    'ms between signs of life',
  ],
  ['spread', ({ spread }) => typeof spread === 'number' && spread >= 0, 'a number of ms'],
  [
    'limits',
    ({ limits }) => [limits?.message, limits?.batch, limits?.messages].every(each => Number(each) > 0),
    'message, batch and messages as numbers',
  ],
]

export function isId(id: string | undefined): id is string {
  return /^[\w.~-]{1,64}$/.test(id ?? '') && /^[\w~-]+\.\d+\.[\w.~-]+$/.test(id ?? '')
}

export function positionOf({ id }: Block): { id: string; epoch: string; seq: number; tag: string } {
  expect(isId(id), 'an id of the form <epoch>.<seq>.<tag>', id ?? 'a block without an id')
  const [epoch = '', seq = '', ...tag] = id.split('.')
  return { id, epoch, seq: Number(seq), tag: tag.join('.') }
}
