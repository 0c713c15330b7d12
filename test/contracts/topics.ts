/** What a line with ten topics does over any transport, by the SDK in Node against our server. */
import { JSDOM, VirtualConsole } from 'jsdom'
import { describe, expect, onTestFinished, test } from 'vitest'
import { connect, native, type Subscription, subscriptions } from '../../src/core.ts'
import { type Heard, type Published, violations } from '../history.ts'
import { stand, until } from '../server/harness.ts'
import type { Harness } from './transport.ts'

const names = Array.from({ length: 10 }, (_, n) => `room ${n}, 안녕: 100%`)

/** What docs/topics.md promises of a line, each sentence tried on the transport. */
export function topicsContract({ transport, parts }: Pick<Harness, 'transport' | 'parts'>): void {
  describe('Ten topics on a line', () => {
    test('ten topics are subscribed to on the open line, and each is heard exactly', async () => {
      const { rooms, publish, mistakes } = await open()
      await Promise.all(rooms.map(({ sub }) => sub.opened))
      for (const data of ['one', 'two', 'three']) await publish(data)
      expect(await mistakes()).toEqual([])
      expect(rooms.map(({ heard }) => heard.map(({ data }) => data).join())).toEqual(
        names.map(() => 'one,two,three'),
      )
    })

    test('ten topics begin with their history, and nothing is missing between it and what is new', async () => {
      const { rooms, publish, mistakes } = await open({ history: 2 }, ['one', 'two', 'three'])
      const publishing = Promise.all([publish('four'), publish('five')])
      await Promise.all(rooms.map(({ sub }) => sub.opened))
      await publishing
      await publish('six')
      expect(await mistakes()).toEqual([])
      expect(rooms.every(({ heard }) => heard.length >= 3)).toBe(true)
      const { messages } = await (rooms[0] as Room).sub.history({ limit: 6 })
      expect(messages.map(({ data }) => data)).toEqual(['one', 'two', 'three', 'four', 'five', 'six'])
    })

    test('one is left and asked for again after what it heard last, and nothing of it or of the others is lost', async () => {
      const { rooms, room, publish, mistakes } = await open()
      await Promise.all(rooms.map(({ sub }) => sub.opened))
      await publish('one')
      expect(await mistakes()).toEqual([])
      const first = rooms[0] as Room
      for (let n = 0; n < 5; n++) {
        const { sub, heard } = rooms[0] as Room
        sub.close()
        await publish(`while it is away for the time ${n}`)
        const since = heard.at(-1)?.id as string
        const again = room(first.sub.topic, { since })
        again.heard.push(...heard)
        again.after = (rooms[0] as Room).after
        rooms[0] = again
        // Not always is it open before it is left again.
        if (n % 2) await again.sub.opened
        if (n % 2) await until(() => again.heard.length === n + 2)
      }
      await publish('the last one')
      expect(await mistakes()).toEqual([])
      expect((rooms[0] as Room).heard).toHaveLength(7)
    })

    test('one is left and asked for again in the same turn, with another beginning, and begins there', async () => {
      const { rooms, room, publish } = await open({}, ['one', 'two', 'three'])
      const { sub } = rooms[3] as Room
      sub.close()
      const again = room(sub.topic, { history: 2 })
      await again.sub.opened
      await publish('four')
      await until(() => again.heard.some(({ data }) => data === 'four'))
      expect(again.heard.map(({ data }) => data)).toEqual(['two', 'three', 'four'])
    })

    test('one of ten is refused in the words of the application, and the others are heard', async () => {
      const { rooms, publish, mistakes } = await open({}, [], names[4])
      const outcomes = await Promise.allSettled(rooms.map(({ sub }) => sub.opened))
      expect(outcomes.flatMap(({ status }, n) => (status === 'rejected' ? [n] : []))).toEqual([4])
      const [{ sub } = rooms[0] as Room] = rooms.splice(4, 1)
      expect([sub.state, (sub as unknown as { error: object }).error]).toMatchObject([
        'refused',
        { status: 402, message: expect.stringContaining('pay first: 안녕') },
      ])
      await publish('one')
      expect(await mistakes()).toEqual([])
    })
  })

  interface Room {
    readonly sub: Subscription
    readonly heard: Heard[]
    /** Where it began. */
    after: string | undefined
  }

  /** A line with ten topics in which this has been published already; one of them may be refused. */
  async function open(options: object = {}, before: readonly string[] = [], refused?: string) {
    const at = await stand()
    at.hub.on('subscribe', ({ topic }) => {
      if (topic === refused) throw { status: 402, message: 'pay first: 안녕' }
    })
    const books = new Map<string, Published[]>(names.map(topic => [topic, []]))
    const publish = async (data: string) => {
      for (const topic of names) books.get(topic)?.push({ id: await at.hub.publish(topic, data), data })
    }
    for (const data of before) await publish(data)
    const { window: page } = new JSDOM('', {
      url: `http://${at.host}/`,
      runScripts: 'dangerously',
      resources: 'usable',
      virtualConsole: new VirtualConsole(),
    })
    const line = connect(`http://${at.host}/live`, {
      transport,
      dialect: native,
      topics: subscriptions,
      environment: parts?.(page) ?? {},
      jsonp: 'cross-origin',
    })
    onTestFinished(() => line.close())
    await line.opened
    const rooms = names.map(topic => room(topic, options))
    return { line, rooms, room, publish, mistakes }

    function room(topic: string, options: object): Room {
      const sub = line.subscribe(topic, options) as unknown as Subscription
      const own: Room = { sub, heard: [], after: undefined }
      sub.onopen = () => {
        own.after ??= sub.lastEventId
      }
      sub.onmessage = ({ lastEventId: id, data }) =>
        void own.heard.push({ type: 'message', id, data: data as string })
      sub.addEventListener('gap', ({ to }) => void own.heard.push({ type: 'gap', to }))
      return own
    }

    /** Once each has heard the last message of its topic. */
    async function mistakes(): Promise<string[]> {
      await until(() =>
        rooms.every(({ sub, heard }) => heard.some(({ id }) => id === books.get(sub.topic)?.at(-1)?.id)),
      )
      return rooms.flatMap(({ sub, heard, after }) =>
        violations(books.get(sub.topic) ?? [], heard, after).map(
          ({ kind, what }) => `${sub.topic}: ${kind} ${what}`,
        ),
      )
    }
  }
}
