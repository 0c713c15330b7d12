import { type Case, every } from '../case.ts'
import { type Channel, shownBlock } from '../channel.ts'
import { type Trial, textOf } from '../trial.ts'
import { expect, expectSame } from '../verdict.ts'
import { earOf } from './format.ts'
import { isId, positionOf } from './opening.ts'

const clause = '`rt.gap`: some messages are lost'

export const gaps: Case[] = [
  {
    name: 'gap.unknown',
    clause,
    rule: 'a cursor that is no id is answered with a gap, reason `unknown`',
    over: every,
    run: async trial => void (await lost(trial, () => 'nonsense', 'unknown')),
  },
  {
    name: 'gap.epoch',
    clause,
    rule: 'a cursor of another life of the log is answered with a gap, reason `epoch`, and all that the log holds',
    over: every,
    async run(trial) {
      const { channel, newest } = await lost(trial, () => 'another-life.7.abc', 'epoch')
      const isThere = channel.blocks.some(block => textOf(block) === newest)
      expect(isThere, `the message ${newest}, which the log holds, behind the gap`, 'none of it')
    },
  },
  {
    name: 'gap.future',
    clause,
    rule: 'a cursor beyond the newest id is answered with a gap, reason `future`',
    over: every,
    run: async trial =>
      void (await lost(trial, ({ epoch, seq }) => `${epoch}.${seq + 1_000_000}.abc`, 'future')),
  },
  {
    name: 'gap.rollback',
    clause,
    rule: 'a cursor whose number was given to another message is answered with a gap, reason `rollback`',
    over: every,
    async run(trial) {
      await lost(trial, ({ epoch, seq, tag }) => `${epoch}.${seq}.${tag === 'x' ? 'y' : 'x'}`, 'rollback')
    },
  },
]

/** Comes with a cursor that leads nowhere, is told so, and hears what is published then. */
async function lost(
  trial: Trial,
  cursorAfter: (newest: ReturnType<typeof positionOf>) => string,
  reason: string,
): Promise<{ channel: Channel; newest: string }> {
  const newest = `${trial.mark} newest`
  const ear = await trial.listen(earOf(trial))
  await trial.publish({ data: newest })
  const message = await ear.next('the message', block => textOf(block) === newest)
  const cursor = cursorAfter(positionOf(message))
  const channel = await trial.listen(trial.via, { 'rt.id': cursor })
  const { first, opening } = channel
  expectSame(
    { id: first.id, resumed: opening.resumed },
    { id: cursor, resumed: false },
    'rt.open before a gap',
  )
  const gap = await channel.next('rt.gap behind rt.open', () => true)
  expect(gap.event === 'rt.gap', 'rt.gap behind rt.open, before anything else', shownBlock(gap))
  const said = JSON.parse(gap.data || '{}')
  expectSame({ reason: said.reason, from: said.from }, { reason, from: cursor }, 'rt.gap')
  expect(isId(gap.id) && isId(said.to), 'an id, and `to`, of rt.gap that are positions', shownBlock(gap))
  const next = `${trial.mark} next`
  await trial.publish({ data: next })
  await channel.next(`the message ${next} behind the gap`, block => textOf(block) === next)
  return { channel, newest }
}
