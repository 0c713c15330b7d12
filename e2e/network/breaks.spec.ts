/** Lines that work and then break: whatever was on its way is heard once, in order, and nothing of it is lost. */

import type { Cut, Fault, Via } from '../../testing/playwright/fault-proxy.ts'
import {
  byteByByte,
  captivePortal,
  cutAfter,
  cutAfterBytes,
  cutWhenIdle,
  firstBytes,
  postsDoubled,
  postsLate,
  refused,
  repliesLost,
  slow,
  streams,
  swallowed,
} from '../../testing/playwright/faults.ts'
import { expect, test } from '../fixtures/test.ts'
import { expectExact, expectTransport, expectVerdicts, openLine, send, startFaultyPlace } from './place.ts'

declare const line: { readonly readyState: number; readonly transport: string | null }
declare const heard: { type: string; message?: string; id?: string }[]
declare const sent: { outcome?: string }[]

const channels: readonly Via[] = ['websocket', 'eventsource', 'xhr-streaming', 'long-polling', 'jsonp']
const kinds: readonly Cut[] = ['fin', 'rst']

for (const via of channels) {
  for (const kind of kinds) {
    test(`a ${kind === 'fin' ? 'FIN' : 'reset'} in the middle of a block loses nothing on ${via}`, async ({
      openPage,
    }) => {
      await using place = await startFaultyPlace()
      place.box.put(cutEverywhere(kind, via))
      const page = await openPage()
      const traffic = place.flow()
      await openLine(page, place, { transports: [via] })
      await send(page)
      while (broken(place.box.visits, via) < 4) await page.evaluate(hurry)
      place.box.put()
      await send(page)
      await traffic.stop()
      await page.evaluate(hurry)
      await expectExact(page, place)
    })
  }
}

/** The first block comes whole, and a few messages after it; each connection breaks elsewhere. */
function cutEverywhere(kind: Cut, via: Via): Fault {
  let bytes = 400
  return {
    on: [via],
    down(next, visit) {
      bytes += 37
      return cutAfterBytes(bytes, kind, [via]).down?.(next, visit) ?? next
    },
  }
}

/** A reason to connect at once, for a line that waits. */
function hurry(): void {
  if (line.readyState === 0) window.dispatchEvent(new Event('online'))
}

function broken(visits: readonly { via: Via }[], via: Via): number {
  return visits.filter(visit => visit.via === via).length
}

test.describe('', () => {
  test.skip(({ browserName }) => browserName !== 'chromium', 'the engines do not differ in this')

  test('a box that cuts every WebSocket after a second is left for the next transport', async ({
    openPage,
  }) => {
    await using place = await startFaultyPlace()
    place.box.put(cutAfter(1_000, ['websocket']))
    const page = await openPage()
    const traffic = place.flow()
    await openLine(page, place)
    await expectTransport(page, 'websocket')
    await send(page)
    await expectTransport(page, 'eventsource')
    await send(page)
    await traffic.stop()
    await expectExact(page, place)
    await expectVerdicts(page, { websocket: /^works: .*; then, after .*: WebSocket to .* closed/ })
  })

  test('a box that passes the first 4 KB of a stream and then nothing is left for polls', async ({
    openPage,
  }) => {
    test.setTimeout(60_000)
    await using place = await startFaultyPlace({ heartbeat: 500 })
    place.box.put(refused(403, ['websocket']), firstBytes(4_096, streams))
    const page = await openPage()
    await openLine(page, place)
    await expectTransport(page, 'eventsource')
    const traffic = place.flow()
    await expect.poll(() => page.evaluate(() => line.transport), { timeout: 40_000 }).toBe('long-polling')
    await send(page)
    await traffic.stop()
    await expectExact(page, place)
  })

  test('a box that cuts what is idle loses nothing, whichever transport it is', async ({ openPage }) => {
    await using place = await startFaultyPlace()
    place.box.put(cutWhenIdle(700))
    const page = await openPage()
    await openLine(page, place)
    await expectTransport(page, 'websocket')
    for (let times = 0; times < 3; times++) {
      const before = place.box.visits.length
      await place.publish(3)
      const visits = async () => {
        await page.evaluate(hurry)
        return place.box.visits.length
      }
      await expect.poll(visits).toBeGreaterThan(before)
    }
    place.box.put()
    await send(page)
    await place.publish(3)
    await page.evaluate(hurry)
    await expectExact(page, place)
  })

  test('a heartbeat shorter than the patience of the box keeps the line', async ({ openPage }) => {
    await using place = await startFaultyPlace({ heartbeat: 600 })
    place.box.put(cutWhenIdle(2_000))
    const page = await openPage()
    await openLine(page, place)
    await expectTransport(page, 'websocket')
    await new Promise(resolve => setTimeout(resolve, 5_000))
    await place.publish()
    await send(page)
    await expectExact(page, place)
    expect(await page.evaluate(() => heard.map(({ type }) => type))).not.toContain('error')
  })

  for (const kind of kinds) {
    test(`a POST whose answer is lost with a ${kind === 'fin' ? 'FIN' : 'reset'} was taken once`, async ({
      openPage,
    }) => {
      await using place = await startFaultyPlace()
      place.box.put(refused(403, ['websocket']), repliesLost(kind))
      const page = await openPage()
      await openLine(page, place)
      await expectTransport(page, 'eventsource')
      for (let times = 0; times < 5; times++) await send(page)
      await place.publish()
      await expectExact(page, place)
    })
  }

  test('a POST that arrives twice was taken once', async ({ openPage }) => {
    await using place = await startFaultyPlace()
    place.box.put(refused(403, ['websocket']), postsDoubled)
    const page = await openPage()
    await openLine(page, place)
    await expectTransport(page, 'eventsource')
    for (let times = 0; times < 5; times++) await send(page)
    await place.publish()
    await expectExact(page, place)
  })

  test('POSTs that arrive after those that were sent later are taken once', async ({ openPage }) => {
    await using place = await startFaultyPlace()
    place.box.put(refused(403, ['websocket']), postsLate(2, 1_500))
    const page = await openPage()
    await openLine(page, place)
    await expectTransport(page, 'eventsource')
    for (let times = 0; times < 5; times++) await send(page)
    await place.publish()
    await expectExact(page, place)
    // The late ones come now.
    await expect.poll(() => broken(place.box.visits, 'post')).toBeGreaterThan(2)
    await new Promise(resolve => setTimeout(resolve, 2_000))
    await send(page)
    await expectExact(page, place)
  })

  test('POSTs that vanish beside a stream that flows are sent again when the way up is free', async ({
    openPage,
  }) => {
    test.setTimeout(60_000)
    await using place = await startFaultyPlace()
    place.box.put(refused(403, ['websocket']), swallowed(['post']))
    const page = await openPage()
    await openLine(page, place)
    await expectTransport(page, 'eventsource')
    await send(page)
    await expect.poll(() => broken(place.box.visits, 'post')).toBeGreaterThan(0)
    await place.publish(3)
    place.box.put(refused(403, ['websocket']))
    await send(page)
    // A request that nothing answers is given up after ten seconds.
    const settled = () => page.evaluate(() => sent.every(({ outcome }) => outcome !== undefined))
    await expect.poll(settled, { timeout: 40_000 }).toBe(true)
    await expectExact(page, place)
  })

  test('a captive portal is a failed network, and never an event', async ({ openPage }) => {
    await using place = await startFaultyPlace()
    place.box.put(captivePortal)
    const page = await openPage()
    await openLine(page, place)
    await page.waitFor(() => heard.some(({ type }) => type === 'error'))
    const said = await page.evaluate(() => heard.find(({ type }) => type === 'error')?.message)
    expect(said).toContain('answered with "text/html; charset=utf-8" instead of an event stream')
    await send(page)
    place.box.put()
    await expectTransport(page, 'websocket')
    await place.publish(3)
    await expectExact(page, place)
  })

  test('a proxy that wants to know who asks is a failed network until it knows', async ({ openPage }) => {
    await using place = await startFaultyPlace()
    place.box.put(refused(407, [...channels, 'post']))
    const page = await openPage()
    await openLine(page, place)
    await page.waitFor(() => heard.some(({ type }) => type === 'error'))
    place.box.put()
    await expectTransport(page, 'websocket')
    await send(page)
    await place.publish(3)
    await expectExact(page, place)
  })

  for (const via of channels) {
    test(`one byte at a time changes nothing on ${via}`, async ({ openPage }) => {
      await using place = await startFaultyPlace()
      await place.publish(20)
      place.box.put(byteByByte([via, 'post']))
      const page = await openPage()
      const after = place.published[0]?.id as string
      await openLine(page, place, { transports: [via], lastEventId: after })
      await expectTransport(page, via)
      await send(page)
      await place.publish(20)
      await expectExact(page, place, after)
    })
  }

  test('100 KB per second with a megabyte waiting is slow, and exact', async ({ openPage }) => {
    test.setTimeout(120_000)
    await using place = await startFaultyPlace()
    await place.publish(16_000)
    place.box.put(slow(102_400, [...channels, 'post']))
    const page = await openPage()
    const after = place.published[0]?.id as string
    await openLine(page, place, { lastEventId: after })
    await send(page)
    await place.publish(3)
    const last = place.published.at(-1)?.id
    const upToDate = () => page.evaluate(id => heard.some(each => each.id === id), last)
    await expect.poll(upToDate, { timeout: 90_000 }).toBe(true)
    await expectExact(page, place, after)
  })

  test('1 KB per second with a backlog waiting is slow, and exact', async ({ openPage }) => {
    await using place = await startFaultyPlace()
    await place.publish(40)
    place.box.put(slow(1_024, [...channels, 'post']))
    const page = await openPage()
    const after = place.published[0]?.id as string
    await openLine(page, place, { lastEventId: after })
    await send(page)
    await place.publish(3)
    await expectExact(page, place, after)
  })
})
