/** A line's way up and down over a longer life: outages, restarts, climbs, memory, latency. */

import {
  buffered,
  refused,
  socketsCutWhenAsked,
  streams,
  swallowed,
} from '../../testing/playwright/faults.ts'
import { startTcpProxy } from '../fixtures/tcp-proxy.ts'
import { expect, type TestPage, test } from '../fixtures/test.ts'
import {
  type Box,
  beginLine,
  expectExact,
  expectTransport,
  type FaultyPlace,
  openLine,
  type Place,
  report,
  send,
  startFaultyPlace,
} from './place.ts'

declare const line: { readonly readyState: number; readonly transport: string | null }
declare const heard: { type: string }[]

const noWebSocket = refused(403, ['websocket'])

const transports = [
  { transport: 'websocket', faults: [] },
  { transport: 'eventsource', faults: [noWebSocket] },
  { transport: 'long-polling', faults: [noWebSocket, buffered] },
]

for (const { transport, faults } of transports) {
  test(`a restart of the server returns a line to ${transport}`, async ({ openPage }) => {
    await using place = await startFaultyPlace()
    place.box.put(...faults)
    const page = await openPage()
    await openLine(page, place)
    await expectTransport(page, transport)
    await place.publish(3)
    for (let times = 0; times < 2; times++) {
      await place.stop()
      await page.waitFor(() => line.readyState === 0)
      await place.publish(3)
      await send(page)
      // Somebody knocks and finds nobody, or it would look like a box that cuts.
      await triesAgain(page)
      await place.restart()
      await goOnline(page)
      await expectTransport(page, transport)
    }
    await expectExact(page, place)
  })
}

test('climbs back to WebSocket when the box is gone, with messages flowing', async ({ openPage }) => {
  await using place = await startFaultyPlace()
  place.box.put(noWebSocket)
  const page = await openPage()
  const traffic = place.flow(1_000)
  await openLine(page, place)
  await expectTransport(page, 'eventsource')
  place.box.put()
  await send(page)
  await goOnline(page)
  await send(page)
  await expectTransport(page, 'websocket')
  await send(page)
  await traffic.stop()
  await expectExact(page, place)
  expect(await interruptions(page)).toEqual([])
})

test('100 climbs down and up at 1,000 messages per second lose and double nothing', async ({
  openPage,
  browserName,
}) => {
  // The other engines show with fewer that they do the same.
  const climbs = browserName === 'chromium' ? 100 : 20
  test.setTimeout(60_000)
  await using place = await startFaultyPlace()
  const page = await openPage()
  const traffic = place.flow(1_000)
  await openLine(page, place)
  await expectTransport(page, 'websocket')
  for (let times = 0; times < climbs; times++) {
    await push(page, place)
    place.box.put()
    await startRace(page)
    await send(page, 1)
  }
  await traffic.stop()
  await expectExact(page, place)
})

test.describe('', () => {
  test.skip(({ browserName }) => browserName !== 'chromium', 'the engines do not differ in this')

  test('an outage demotes nobody, however long it lasts', async ({ openPage }) => {
    await using place = await startFaultyPlace()
    const network = await startTcpProxy(place.box.port)
    const page = await openPage()
    await openLine(page, behind(place, network.port))
    await expectTransport(page, 'websocket')
    await place.publish(3)
    await network.refuse(true)
    network.cut('rst')
    await page.waitFor(() => line.readyState === 0)
    await place.publish(3)
    await send(page)
    // Each is a reason to try at once, as when a phone finds a network and loses it again.
    for (let times = 0; times < 10; times++) await triesAgain(page)
    await network.refuse(false)
    await goOnline(page)
    await expectTransport(page, 'websocket')
    await place.publish(3)
    await expectExact(page, place)
    await network.close()
  })

  test('climbs to a stream past a WebSocket that is swallowed', async ({ openPage }) => {
    await using place = await startFaultyPlace()
    place.box.put(swallowed(['websocket']), refused(400, streams))
    const page = await openPage()
    await openLine(page, place)
    await expectTransport(page, 'long-polling')
    place.box.put(swallowed(['websocket']))
    const traffic = place.flow()
    await goOnline(page)
    await expectTransport(page, 'eventsource')
    await send(page)
    await traffic.stop()
    await expectExact(page, place)
    expect(await interruptions(page)).toEqual([])
  })

  test('a transport that worked and goes mute is left for one that works', async ({ openPage }) => {
    test.setTimeout(60_000)
    await using place = await startFaultyPlace({ heartbeat: 500 })
    const page = await openPage()
    await openLine(page, place)
    await expectTransport(page, 'websocket')
    await place.publish(3)
    place.box.put(swallowed(['websocket']))
    place.box.mute()
    await place.publish(3)
    await send(page)
    await expectTransport(page, 'eventsource')
    await place.publish(3)
    await expectExact(page, place)
  })

  test('what worked is tried first on the next page, and the way up after it', async ({ openPage }) => {
    await using place = await startFaultyPlace()
    place.box.put(swallowed(['websocket']))
    const page = await openPage()
    await openLine(page, place)
    await expectTransport(page, 'eventsource')
    place.box.put()
    await openLine(page, place)
    await page.waitFor(() => line.readyState === 1)
    expect((await report(page))[0]?.transport).toBe('eventsource')
    await expectTransport(page, 'websocket')
    await place.publish(3)
    await expectExact(page, place)
  })

  for (const { storage, spoil } of [
    { storage: 'off', spoil: spoilAccess },
    { storage: 'full', spoil: fill },
    { storage: 'corrupt', spoil: corrupt },
  ]) {
    test(`storage that is ${storage} is no error`, async ({ openPage }) => {
      await using place = await startFaultyPlace()
      place.box.put(noWebSocket)
      const page = await openPage()
      await page.goto(`${place.box.url}/pages/line.html`)
      await page.evaluate(spoil)
      await beginLine(page, { resume: 'session' })
      await expectTransport(page, 'eventsource')
      await place.publish(3)
      await send(page)
      await expectExact(page, place)
    })
  }

  test('a network that is slow from the start still gets WebSocket', async ({ openPage }) => {
    await using place = await startFaultyPlace()
    const network = await startTcpProxy(place.box.port)
    network.setLatency(300)
    const page = await openPage()
    const traffic = place.flow()
    await openLine(page, behind(place, network.port))
    await expectTransport(page, 'websocket')
    await send(page)
    await traffic.stop()
    await expectExact(page, place)
    await network.close()
  })

  test('a network that becomes slow after the page came gets WebSocket in the end', async ({ openPage }) => {
    await using place = await startFaultyPlace()
    await place.publish(3)
    const after = place.published[0]?.id as string
    const network = await startTcpProxy(place.box.port)
    const page = await openPage()
    const there = behind(place, network.port)
    await page.goto(`${there.box.url}/pages/line.html`)
    network.setLatency(400)
    const traffic = place.flow()
    await beginLine(page, { lastEventId: after })
    await send(page)
    await expectTransport(page, 'websocket')
    await send(page)
    await traffic.stop()
    await expectExact(page, place, after)
    await network.close()
  })
})

/** The same place as it is reached through one more door. */
function behind(place: FaultyPlace, port: number): Place<Box> {
  return Object.create(place, { box: { value: { ...place.box, url: `http://127.0.0.1:${port}` } } })
}

function goOnline(page: TestPage): Promise<void> {
  return page.evaluate(() => void window.dispatchEvent(new Event('online')))
}

/** Off the WebSocket, in good order, and down to polls: it opens again, but is cut before it is proven, and streams are refused. */
async function push(page: TestPage, { box }: FaultyPlace): Promise<void> {
  box.put(socketsCutWhenAsked, refused(400, streams))
  box.closeSockets(1001)
  await page.waitFor(() => {
    if (line.readyState === 0) window.dispatchEvent(new Event('online'))
    return line.transport === 'long-polling'
  })
}

/** A look upward that is under way when the box opens may still fail, so there may be one more. */
async function startRace(page: TestPage): Promise<void> {
  await page.waitFor(() => {
    if (line.transport !== 'websocket') window.dispatchEvent(new Event('online'))
    return line.transport === 'websocket'
  })
}

/** A try has failed, and the next one is waited for. */
async function triesAgain(page: TestPage): Promise<void> {
  const errors = () => page.evaluate(() => heard.filter(({ type }) => type === 'error').length)
  const before = await errors()
  await goOnline(page)
  await expect.poll(errors).toBeGreaterThan(before)
}

function interruptions(page: TestPage): Promise<unknown[]> {
  return page.evaluate(() => heard.filter(({ type }) => type === 'error'))
}

function spoilAccess(): void {
  for (const name of ['localStorage', 'sessionStorage']) {
    Object.defineProperty(window, name, {
      get() {
        throw new DOMException('The operation is insecure.', 'SecurityError')
      },
    })
  }
}

function fill(): void {
  for (let size = 2 ** 20; size >= 1; size /= 2) {
    try {
      for (let n = 0; ; n++) localStorage.setItem(`${size} ${n}`, 'x'.repeat(size))
    } catch {
      // Full for this size.
    }
  }
}

function corrupt(): void {
  Storage.prototype.getItem = () => '\0{"not": ours} 9e99\r\n'
}
