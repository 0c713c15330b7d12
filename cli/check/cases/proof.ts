import { type Case, every } from '../case.ts'
import { shownBlock } from '../channel.ts'
import type { Listening, Trial } from '../trial.ts'
import { expect, expectSame, NotTried } from '../verdict.ts'

export const proof: Case[] = [
  {
    name: 'tick',
    clause: '`rt.tick`: the proof that a stream flows',
    rule: '`rt.tick` comes once, later than `rt.open`, and apart from it',
    over: ['eventsource', 'xhr-streaming', 'fetch-streaming'],
    async run(trial) {
      // A machine that is busy may read two pieces at once: one try in three is enough.
      for (let left = 2; ; left--) {
        const channel = await trial.listen(trial.via)
        await channel.next('rt.tick', ({ event }) => event === 'rt.tick')
        const piece = channel.pieces.find(text => text.includes('rt.tick'))
        const isApart = !piece?.includes('rt.open')
        if (!isApart && left > 0) continue
        expect(isApart, 'rt.tick in a piece of its own', 'both in one')
        await trial.publish({ data: trial.mark })
        await channel.next('the message', ({ data }) => data === trial.mark)
        const ticks = channel.blocks.filter(({ event }) => event === 'rt.tick').length
        return expectSame(ticks, 1, 'the number of rt.tick')
      }
    },
  },
  {
    name: 'pong',
    clause: '`rt.beat`, `rt.pong`',
    rule: '`rt.ping` is answered by `rt.pong` with the same data, and by `{}` where it has none',
    over: every,
    async run(trial) {
      const channel = await trial.listen(trial.via)
      for (const [data, answer] of [
        ['17', '17'],
        ['', '{}'],
      ] as const) {
        await ping(trial, channel, `event: rt.ping\ndata: ${data}\n\n`)
        const pong = await channel.next('rt.pong', ({ event }) => event === 'rt.pong')
        expectSame(pong.data, answer, 'the data of rt.pong')
      }
    },
  },
  {
    name: 'beat.stream',
    clause: '`rt.beat`, `rt.pong`',
    rule: '`rt.beat` comes after each `heartbeat` without other traffic, with the current spread',
    over: ['websocket', 'eventsource', 'xhr-streaming', 'fetch-streaming', 'bare'],
    async run(trial) {
      needsTime(trial)
      const channel = await trial.listen(trial.via)
      const { heartbeat } = channel.opening
      await beatWithin(trial, channel, 2 * heartbeat + 1_000)
    },
  },
  {
    name: 'beat.poll',
    clause: 'The five transports',
    rule: 'a poll to which nothing comes for 25 s is answered with an `rt.beat`',
    over: ['long-polling', 'jsonp'],
    async run(trial) {
      needsTime(trial)
      await beatWithin(trial, await trial.listen(trial.via), 35_000)
    },
  },
]

async function ping(trial: Trial, channel: Listening, text: string): Promise<void> {
  if (channel.via === 'websocket') return channel.send(text)
  const { session } = channel.opening
  if (!trial.offer.ways.includes('post')) throw new NotTried('the server takes no POST')
  const { status } = await trial.post(session, text)
  expectSame(status, 200, 'the status of a POST with rt.ping')
}

async function beatWithin({ place }: Trial, channel: Listening, ms: number): Promise<void> {
  const until = Date.now() + Math.max(ms, place.patience)
  while (Date.now() < until && !channel.isOver) {
    const beat = channel.blocks.find(({ event }) => event === 'rt.beat')
    if (beat) {
      const { spread } = Object(JSON.parse(beat.data ?? '{}'))
      return expect(typeof spread === 'number', 'the spread in rt.beat, as a number', shownBlock(beat))
    }
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  expect(false, `rt.beat within ${ms / 1000} s`, channel.blocks.map(shownBlock).join(', '))
}

function needsTime({ given }: Trial): void {
  if (!given.slow) throw new NotTried('takes half a minute; --slow tries it')
}
