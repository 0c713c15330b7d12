/** Lines with several topics that break in the middle of it all: what each topic brings is heard once, in order, and nothing of it is lost. */
import { type Published, violations } from '../../test/history.ts'
import type { Cut, Via } from '../../testing/playwright/fault-proxy.ts'
import { cutAfterBytes } from '../../testing/playwright/faults.ts'
import { expect, test } from '../fixtures/test.ts'
import { openLine, startFaultyPlace } from './place.ts'

interface Room {
  readonly heard: { type: string; id?: string; data?: string; to?: string }[]
  after?: string
}

declare let rooms: Record<string, Room>
declare const line: {
  readonly readyState: number
  subscribe(topic: string): EventTarget & { lastEventId: string; state: string }
}

const channels: readonly Via[] = ['websocket', 'eventsource', 'xhr-streaming', 'long-polling', 'jsonp']
const topics = Array.from({ length: 10 }, (_, n) => `room ${n} 안녕`)

for (const via of channels) {
  for (const kind of ['fin', 'rst'] satisfies Cut[]) {
    test(`a ${kind === 'fin' ? 'FIN' : 'reset'} in the middle of a block loses nothing of ten topics on ${via}`, async ({
      openPage,
    }) => {
      await using place = await startFaultyPlace()
      let bytes = 1_500
      place.box.put({
        on: [via],
        down(next, visit) {
          bytes += 37
          return cutAfterBytes(bytes, kind, [via]).down?.(next, visit) ?? next
        },
      })
      const page = await openPage()
      await openLine(page, place, { transports: [via] })
      await page.evaluate(topics => {
        Object.assign(window, { rooms: {} })
        for (const topic of topics) {
          const room: Room = { heard: [] }
          rooms[topic] = room
          const sub = line.subscribe(topic)
          sub.addEventListener('open', () => {
            room.after ??= sub.lastEventId
          })
          sub.addEventListener('message', event => {
            const { lastEventId: id, data } = event as MessageEvent
            room.heard.push({ type: 'message', id, data })
          })
          sub.addEventListener('gap', event =>
            room.heard.push({ type: 'gap', to: (event as unknown as { to: string }).to }),
          )
        }
      }, topics)
      const books = new Map<string, Published[]>(topics.map(topic => [topic, []]))
      const publish = async (data: string, n: number) => {
        const topic = topics[n % topics.length] as string
        books.get(topic)?.push({ id: await place.hub.publish(topic, data), data })
      }
      const visits = () => place.box.visits.filter(visit => visit.via === via).length
      for (let n = 0; visits() < 6; n++) {
        await publish(`message ${n} of some length`, n)
        await page.evaluate(() => line.readyState === 0 && window.dispatchEvent(new Event('online')))
      }
      place.box.put()
      for (let n = 0; n < topics.length; n++) await publish('the last one', n)
      await page.evaluate(() => line.readyState === 0 && window.dispatchEvent(new Event('online')))
      await page.waitFor(() =>
        Object.values(rooms).every(({ heard }) => heard.at(-1)?.data === 'the last one'),
      )
      const all = await page.evaluate(() => Object.entries(rooms))
      const wrong = all.flatMap(([topic, { heard, after }]) =>
        violations(books.get(topic) ?? [], heard, after).map(({ kind, what }) => `${topic}: ${kind} ${what}`),
      )
      expect(wrong).toEqual([])
    })
  }
}
