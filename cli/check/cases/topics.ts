import type { Block } from '../../../src/wire/block.ts'
import { encode } from '../../../src/wire/encoder.ts'
import { createParser } from '../../../src/wire/parser.ts'
import { type Case, every, everyPoll } from '../case.ts'
import { type Query, shownBlock } from '../channel.ts'
import { between, isMessage, type Listening, type Opening, type Trial, textOf } from '../trial.ts'
import { expect, expectSame, NotTried } from '../verdict.ts'
import { earOf } from './format.ts'
import { isId } from './opening.ts'

const clause = 'Topics'

export const topics: Case[] = [
  {
    name: 'topics.open',
    clause,
    rule: '`rt.open` repeats `rt.s` as `set`, and names the topics that the server gives unasked',
    over: every,
    async run(trial) {
      await needsTopics(trial)
      const { opening } = await trial.listen(trial.via, { 'rt.v': '2', 'rt.s': 3 })
      expectSame(opening.set, 3, 'set of rt.open')
      for (const id of Object.values(opening.topics ?? {}))
        expect(isId(id), 'a position of each topic', JSON.stringify(opening.topics))
    },
  },
  {
    name: 'topics.address',
    clause,
    rule: 'a topic that the address asks for is answered by `rt.subscribed` with its number, and its messages have its name',
    over: every,
    async run(trial) {
      const { topic, ask } = await named(trial)
      const channel = await ask(trial, `7!:${topic}`)
      const told = await channel.next('rt.subscribed', ({ event }) => event === 'rt.subscribed')
      expectSame({ topic: told.topic, re: told.re }, { topic, re: '7' }, 'rt.subscribed')
      expect(isId(told.id), 'a position in rt.subscribed', shownBlock(told))
      await trial.publish({ data: trial.mark })
      const message = await channel.next('the message', block => textOf(block) === trial.mark)
      expectSame(message.topic, topic, 'the topic of the message')
      expect(isId(message.id), 'an id of the message', shownBlock(message))
    },
  },
  {
    name: 'topics.last',
    clause,
    rule: '`-` asks for the last so many messages: they follow `rt.subscribed`, and then what is published',
    over: every,
    async run(trial) {
      const { topic, ask } = await named(trial)
      await published(trial, ['a', 'b', 'c'])
      const channel = await ask(trial, `1!-2:${topic}`)
      await trial.publish({ data: `${trial.mark}d` })
      expectSame(
        (await between(channel, `${trial.mark}b`, `${trial.mark}d`)).map(textOf),
        ['b', 'c', 'd'].map(end => trial.mark + end),
        'the messages',
      )
      expect(!channel.blocks.some(block => textOf(block) === `${trial.mark}a`), 'no third message', 'one')
    },
  },
  {
    name: 'topics.resume',
    clause,
    rule: 'a topic goes on after the id that the address names for it',
    over: every,
    async run(trial) {
      const { topic, ask } = await named(trial)
      const [, second] = await published(trial, ['a', 'b', 'c'])
      const channel = await ask(trial, `1!${second?.id}:${topic}`)
      const next = await channel.next(`the message ${trial.mark}c`, isMessage)
      expectSame(textOf(next), `${trial.mark}c`, 'the first message')
    },
  },
  {
    name: 'topics.gap',
    clause,
    rule: "an `rt.gap` of a topic has the topic's name, and follows its `rt.subscribed`",
    over: every,
    async run(trial) {
      const { topic, ask } = await named(trial)
      const channel = await ask(trial, `1!another-life.7.abc:${topic}`)
      const told = await channel.next('rt.subscribed', ({ event }) => event === 'rt.subscribed')
      expectSame(told.id, 'another-life.7.abc', 'the id of rt.subscribed')
      const gap = await channel.next('rt.gap', ({ event }) => event === 'rt.gap')
      expectSame(
        { topic: gap.topic, reason: JSON.parse(gap.data ?? '{}').reason },
        { topic, reason: 'epoch' },
        'rt.gap',
      )
    },
  },
  {
    name: 'topics.upward',
    clause,
    rule: '`rt.subscribe` begins a topic on an open channel, and `rt.unsubscribe` ends it',
    over: every,
    async run(trial) {
      const { topic, ask } = await named(trial)
      const channel = await ask(trial)
      await tell(trial, channel, encode({ id: '1', event: 'rt.subscribe', data: `1!:${topic}` }))
      const told = await channel.next('rt.subscribed', ({ event }) => event === 'rt.subscribed')
      expectSame({ topic: told.topic, re: told.re }, { topic, re: '1' }, 'rt.subscribed')
      await trial.publish({ data: `${trial.mark}a` })
      await channel.next('the message', block => textOf(block) === `${trial.mark}a`)
      await tell(trial, channel, encode({ id: '2', event: 'rt.unsubscribe', data: topic }))
      await trial.publish({ data: `${trial.mark}b` })
      await tell(trial, channel, encode({ id: '3', event: 'rt.subscribe', data: `2!:${topic}` }))
      await trial.publish({ data: `${trial.mark}c` })
      await channel.next('the message', block => textOf(block) === `${trial.mark}c`)
      const texts = channel.blocks.filter(isMessage).map(textOf)
      expectSame(
        texts,
        ['a', 'c'].map(end => trial.mark + end),
        'the messages, of which one was published while the topic was left',
      )
    },
  },
  {
    name: 'topics.page',
    clause,
    rule: '`rt.history` is answered with a page: its position, whether there is more, and messages, the oldest first',
    async run(trial) {
      const { topic, ask } = await named(trial)
      await published(trial, ['a', 'b', 'c'])
      const via = earOf(trial)
      const channel = await ask(trial, `1!:${topic}`, via)
      await channel.next('rt.subscribed', ({ event }) => event === 'rt.subscribed')
      const question = encode({ id: '1', event: 'rt.history', topic, re: 'answer', data: '{"limit":2}' })
      await tell(trial, channel, question)
      const answer = await channel.next('rt.answer', ({ event }) => event === 'rt.answer')
      const [page, ...messages] = createParser().feed(textOf(answer))
      expectSame(page?.event, 'rt.history', 'the first block of the page')
      expectSame(JSON.parse(page?.data ?? '{}').more, true, '`more` of the page')
      expectSame(
        messages.map(textOf),
        ['b', 'c'].map(end => trial.mark + end),
        'the messages of the page',
      )
    },
  },
  {
    name: 'topics.poll',
    clause,
    rule: 'a poll whose address does not name a topic that an answer of its channel carried goes on with it',
    over: everyPoll,
    async run(trial) {
      const { topic, ask } = await named(trial)
      const channel = await ask(trial, `1!:${topic}`)
      await channel.next('rt.subscribed', ({ event }) => event === 'rt.subscribed')
      for (const end of ['a', 'b', 'c']) {
        await trial.publish({ data: trial.mark + end })
        await channel.next('the message', block => textOf(block) === trial.mark + end)
      }
      const texts = channel.blocks.filter(isMessage).map(textOf)
      expectSame(
        texts,
        ['a', 'b', 'c'].map(end => trial.mark + end),
        'the messages',
      )
    },
  },
]

/** The topic that the address names, and how a client asks for it by itself. */
async function named(trial: Trial) {
  await needsTopics(trial)
  const topic = trial.place.url.searchParams.get('topic')
  if (topic === null) throw new NotTried('the address has no parameter `topic` that a client could ask for')
  return {
    topic,
    /** Without the parameter: what the client does not ask for it does not hear. */
    ask(trial: Trial, wanted?: string, via = trial.via) {
      const query: Query = { topic: undefined, 'rt.v': '2', 'rt.s': 1, 'rt.t': wanted }
      return trial.listen(via, isPoll(via) ? { ...query, 'rt.c': trial.mark } : query)
    },
  }
}

function isPoll(via: string): boolean {
  return everyPoll.some(each => each === via)
}

async function needsTopics(trial: Trial): Promise<Opening> {
  const { opening } = await trial.listen(earOf(trial), { 'rt.v': '2' })
  if (opening.topics === undefined) throw new NotTried('not offered: the server speaks version 1')
  return opening
}

async function published(trial: Trial, ends: string[]): Promise<Block[]> {
  const ear = await trial.listen(earOf(trial))
  await trial.publish(...ends.map(end => ({ data: trial.mark + end })))
  return between(ear, trial.mark + ends[0], trial.mark + ends.at(-1))
}

/** Says something in the channel's own session. */
async function tell(trial: Trial, channel: Listening, text: string): Promise<void> {
  if (channel.via === 'websocket') return channel.send(text)
  const { status } = await trial.post(channel.opening.session, text)
  expectSame(status, 200, 'the status of a POST')
}
