/** Answers that say no, not now, or elsewhere, given by a box or a server in trouble: what was sent is taken once all the same. */

import type { Fault, Via } from '../../testing/playwright/fault-proxy.ts'
import { refused } from '../../testing/playwright/faults.ts'
import { expect, test } from '../fixtures/test.ts'
import { expectExact, expectTransport, openLine, send, startFaultyPlace } from './place.ts'

declare const heard: { type: string; status?: number; message?: string }[]
declare const line: { readonly readyState: number }

test.skip(({ browserName }) => browserName !== 'chromium', 'the engines do not differ in this')

const noWebSocket = refused(403, ['websocket'])

const refusals = [
  { name: '409', status: 409, headers: {}, count: 1 },
  { name: '413', status: 413, headers: {}, count: 2 },
  { name: '429 with Retry-After: 1', status: 429, headers: { 'Retry-After': '1' }, count: 2 },
  { name: '503', status: 503, headers: {}, count: 3 },
  { name: '503 with Retry-After: soon', status: 503, headers: { 'Retry-After': 'soon' }, count: 1 },
  { name: '500', status: 500, headers: {}, count: 2 },
  { name: '200 and a login page', status: 200, headers: { 'Content-Type': 'text/html' }, count: 2 },
]

for (const { name, status, headers, count } of refusals) {
  test(`POSTs that are answered ${name} are taken once in the end`, async ({ openPage }) => {
    await using place = await startFaultyPlace()
    place.box.put(noWebSocket, answers(['post'], count, status, headers))
    const page = await openPage()
    await openLine(page, place)
    await expectTransport(page, 'eventsource')
    await send(page, 5)
    await place.publish(3)
    await expectExact(page, place)
  })
}

for (const via of ['eventsource', 'xhr-streaming', 'long-polling', 'jsonp'] as const) {
  test(`a line over ${via} follows redirects, and so do its POSTs`, async ({ openPage }) => {
    await using place = await startFaultyPlace()
    place.box.put(elsewhere([via, 'post']))
    const page = await openPage()
    await place.publish()
    await openLine(page, place, { transports: [via], lastEventId: place.published[0]?.id as string })
    await expectTransport(page, via)
    await send(page)
    await place.publish(3)
    await expectExact(page, place, place.published[0]?.id)
    expect(place.box.visits.some(({ path }) => path.includes('moved=1'))).toBe(true)
  })
}

for (const via of ['websocket', 'eventsource', 'xhr-streaming', 'long-polling'] as const) {
  test(`a 204 ends a line over ${via} for good`, async ({ openPage }) => {
    await using place = await startFaultyPlace()
    // What a WebSocket and an EventSource hide, a plain request finds out.
    place.box.put(answers([via, 'long-polling'], Number.POSITIVE_INFINITY, 204, {}))
    const page = await openPage()
    await openLine(page, place, { transports: [via] })
    await page.waitFor(() => line.readyState === 2)
    expect(await page.evaluate(() => heard.find(({ type }) => type === 'error')?.message)).toContain('204')
  })
}

/** The box gives this answer so many times. */
function answers(on: readonly Via[], count: number, status: number, headers: Record<string, string>): Fault {
  let left = count
  return {
    on,
    when: () => left-- > 0,
    answer: visit => visit.reply(status, { 'Cache-Control': 'no-store', ...headers }, ''),
  }
}

/** Everything has moved, once; the method and the body go along. */
function elsewhere(on: readonly Via[]): Fault {
  return {
    on,
    when: ({ path }) => !path.includes('moved=1'),
    answer: visit => visit.reply(307, { Location: `${visit.path}&moved=1` }, ''),
  }
}
