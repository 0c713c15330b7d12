/** A log whose notices go missing now and then: it tells of what was missed once it has found out. */
import { expect, it } from 'vitest'
import { type Entry, type HubOptions, type Log, type LogListener, memoryLog } from '../../server/index.ts'
import { address, ask, listen, parse, stand, until, wait } from './harness.ts'

/** Notices of a topic are lost until `find` tells them. */
function losing(topic: string) {
  const memory = memoryLog()
  const listeners = new Set<LogListener>()
  const lost: Entry[] = []
  let newest: Entry | undefined
  let sure: Entry | undefined
  const tell = (entry: Entry) => {
    for (const each of listeners) each.heard(entry)
  }
  memory.listen({
    heard(entry) {
      newest = entry
      if (entry.topic === topic) lost.push(entry)
      else tell(entry)
      if (lost.length === 0) sure = entry
    },
    missed() {},
    failed() {},
  })
  const log: Log = {
    ...memory,
    listen(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    sure: () => sure,
  }
  const find = () => {
    for (const entry of lost.splice(0)) tell(entry)
    sure = newest
  }
  return { log, find }
}

const query = { 'rt.v': 2, topic: undefined, hear: 'a,b', 'rt.via': 'long-polling', 'rt.c': 'a' }
const authorize: HubOptions['authorize'] = ({ url }) => ({
  topics: (url.searchParams.get('hear') ?? '').split(','),
})
const options = { authorize, retry: 1, heartbeat: 300 }

it.each([
  ['is found while nobody asks', true],
  ['is found while the next poll waits', false],
])(
  'a poll that was answered before it is known what is missing hears of it, which %s',
  async (_, isEarly) => {
    const { log, find } = losing('b')
    const at = await stand({ log, ...options })
    const [open] = parse((await ask(address(at, { ...query, 'rt.n': 0 }))).text)
    const { session } = JSON.parse(open?.data ?? '')
    const poll = (turn: number) =>
      ask(address(at, { ...query, 'rt.sid': session, 'rt.id': open?.id, 'rt.n': turn })).then(({ text }) =>
        parse(text).flatMap(({ topic, data }) => (topic ? [`${topic} ${data}`] : [])),
      )

    const first = poll(1)
    await until(() => at.hub.stats().lines['long-polling'] === 1)
    await at.hub.publish('a', 'before')
    expect(await first).toEqual(['a before'])
    const second = poll(2)
    await until(() => at.hub.stats().lines['long-polling'] === 1)
    await at.hub.publish('b', 'lost')
    await at.hub.publish('a', 'after')
    expect(await second).toContain('a after')
    if (isEarly) find()
    const third = poll(3)
    if (!isEarly) {
      await wait(50)
      find()
    }
    const heard = [...(await second), ...(await third)]
    expect(heard.toSorted()).toEqual(['a after', 'b lost'])
    await at.hub.publish('a', 'last')
    expect(await poll(4)).toEqual(['a last'])
  },
)

it.each(['bare', 'xhr-streaming'] as const)(
  'over %s a client with one position for all hears what was missed, late and once, and its position stays',
  async via => {
    const { log, find } = losing('b')
    const at = await stand({ log, ...options })
    await at.hub.publish('a', 'past')
    const ear = listen(at, via, { hear: 'a,b', topic: undefined })
    await ear.opened()
    await at.hub.publish('b', 'lost')
    const id = await at.hub.publish('a', 'after')
    expect(await ear.messages(1)).toEqual(['after'])
    find()
    expect(await ear.messages(1)).toEqual(['lost'])
    expect(ear.blocks.at(-1)?.id).toBeUndefined()
    expect(ear.blocks.findLast(block => block.id)?.id).toBe(id)
    await at.hub.publish('b', 'lost, too')
    find()
    expect(await ear.messages(1)).toEqual(['lost, too'])
    expect(ear.blocks.at(-1)?.id).toBeDefined()
  },
)

it('a stream that takes nothing for a while hears what was missed meanwhile', async () => {
  const { log, find } = losing('b')
  const at = await stand({ log, ...options, limits: { unsent: 2 ** 16 } })
  const ear = listen(at, 'websocket', { 'rt.v': 2, hear: 'a,b', topic: undefined })
  await ear.opened()
  await at.hub.publish('a', 'first')
  await ear.messages(1)
  ear.pause()
  const much = 'x'.repeat(2 ** 18)
  let count = 0
  await at.hub.publish('b', 'lost')
  for (; at.hub.stats().unsent <= 2 ** 16; count++) {
    await at.hub.publish('a', much)
    await wait(1)
  }
  for (let n = 0; n < 3; n++) await at.hub.publish('a', 'behind')
  find()
  ear.resume()
  const heard = await ear.messages(count + 4)
  expect(heard.filter(data => data !== much).toSorted()).toEqual(['behind', 'behind', 'behind', 'lost'])
})
