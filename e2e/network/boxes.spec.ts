/** Boxes that let some transports through and not others: the line finds the best one that really works. */

import type { Fault } from '../../testing/playwright/fault-proxy.ts'
import {
  buffered,
  bufferedUntil,
  cache,
  deafSockets,
  gzipped,
  lateByOne,
  refused,
  silentSockets,
  socketsCutAfterFrames,
  streams,
  swallowed,
  withoutHeaders,
} from '../../testing/playwright/faults.ts'
import { expect, test } from '../fixtures/test.ts'
import {
  expectExact,
  expectTransport,
  expectVerdicts,
  type FaultyPlace,
  openLine,
  report,
  send,
  startFaultyPlace,
} from './place.ts'

declare const heard: { type: string; id?: string; data?: string }[]

interface Case {
  readonly box: string
  readonly faults: () => Fault[]
  readonly best: string
  /** What the report says of the transports that lost. */
  readonly verdicts: Record<string, RegExp>
  /** Traffic would tell the box from a good one too late: the line opens before anything is published. */
  readonly quiet?: boolean
}

const works = /^works: data flows, proven after \d+ ms/
const noWebSocket = refused(403, ['websocket'])

/** What the engines do differently when it happens, so each of them shows that it copes. */
const everywhere: Case[] = [
  {
    box: 'refuses WebSocket with 403',
    faults: () => [noWebSocket],
    best: 'eventsource',
    verdicts: {
      websocket: /^failed after \d+ ms: WebSocket to .* closed before opening/,
      eventsource: works,
    },
  },
  {
    box: 'swallows the WebSocket handshake',
    faults: () => [swallowed(['websocket'])],
    best: 'eventsource',
    verdicts: { websocket: /^no answer for \d+ ms, then another way was taken/, eventsource: works },
  },
  {
    box: 'answers 101 and then nothing',
    faults: () => [silentSockets],
    best: 'eventsource',
    verdicts: { websocket: /^accepted after \d+ ms, then nothing for \d+ ms/, eventsource: works },
  },
  {
    box: 'answers 101 and hangs up',
    faults: () => [socketsCutAfterFrames(0)],
    best: 'eventsource',
    verdicts: { websocket: /^(accepted|failed) after \d+ ms/, eventsource: works },
  },
  {
    box: 'answers 101 and hangs up after the first frame',
    faults: () => [socketsCutAfterFrames(1)],
    best: 'eventsource',
    verdicts: {
      // Firefox may not tell the page of what comes together with the end.
      websocket: /after \d+ ms(, then|:) WebSocket to .* closed/,
      eventsource: works,
    },
  },
  {
    box: 'refuses WebSocket and buffers streams',
    faults: () => [noWebSocket, buffered],
    best: 'long-polling',
    verdicts: { eventsource: /^no answer for \d+ ms, then another way was taken/, 'long-polling': works },
  },
  {
    box: 'swallows WebSocket and buffers streams',
    faults: () => [swallowed(['websocket']), buffered],
    best: 'long-polling',
    verdicts: { websocket: /^no answer/, eventsource: /^no answer/, 'long-polling': works },
  },
  {
    box: 'refuses WebSocket and holds back one chunk of every stream',
    faults: () => [noWebSocket, lateByOne(streams)],
    best: 'long-polling',
    verdicts: { 'long-polling': works },
    quiet: true,
  },
]

const inOneEngine: Case[] = [
  ...[400, 407, 426, 502].map(status => ({
    box: `refuses WebSocket with ${status}`,
    faults: () => [refused(status, ['websocket'])],
    best: 'eventsource',
    verdicts: { websocket: /^failed after \d+ ms: WebSocket to .* closed before opening/ },
  })),
  {
    box: 'loses what goes up a WebSocket',
    faults: () => [deafSockets],
    best: 'eventsource',
    verdicts: {
      websocket: /^the first data came after \d+ ms, then/,
    },
  },
  {
    box: 'holds back one chunk of everything that streams, WebSocket too',
    faults: () => [lateByOne(['websocket', ...streams])],
    best: 'long-polling',
    verdicts: {},
    quiet: true,
  },
  {
    box: 'refuses WebSocket and collects 2 KB before it passes anything',
    faults: () => [noWebSocket, bufferedUntil(2_048)],
    best: 'long-polling',
    verdicts: {},
    quiet: true,
  },
  {
    box: 'refuses WebSocket and compresses',
    faults: () => [noWebSocket, gzipped],
    best: 'long-polling',
    verdicts: {},
  },
  {
    box: 'deletes the Upgrade and Last-Event-ID headers',
    faults: () => [withoutHeaders('Upgrade', 'Connection', 'Last-Event-ID')],
    best: 'eventsource',
    verdicts: { websocket: /^failed/ },
  },
  {
    box: 'lets polls through only, and answers the same address from its cache',
    faults: () => [refused(400, ['websocket', ...streams]), cache()],
    best: 'long-polling',
    verdicts: { 'xhr-streaming': /answered with status 400/ },
  },
  {
    box: 'lets script tags through only, and answers the same address from its cache',
    faults: () => [refused(400, ['websocket', ...streams, 'long-polling', 'post']), cache()],
    best: 'jsonp',
    verdicts: { 'long-polling': /answered with status 400/ },
  },
]

for (const each of everywhere) crosses(each)

test.describe('', () => {
  test.skip(({ browserName }) => browserName !== 'chromium', 'the engines do not differ in this')
  for (const each of inOneEngine) crosses(each)

  for (const { box, faults, best } of everywhere)
    test(`what is said to a session as it opens comes once through a box that ${box}`, async ({
      openPage,
    }) => {
      await using place = await startFaultyPlace()
      place.hub.on('open', ({ session }) => void session.send('welcome'))
      place.box.put(...faults())
      const page = await openPage()
      await openLine(page, place)
      await expectTransport(page, best)
      await place.publish()
      await page.waitFor(last => heard.some(({ id }) => id === last), place.published[0]?.id ?? '')
      const data = await page.evaluate(() =>
        heard.flatMap(each => (each.type === 'message' ? [each.data] : [])),
      )
      expect(data).toEqual(['welcome', place.published[0]?.data])
    })
})

test('a box that holds back what is newest is left for polls, and stays left, though traffic pushes the proof out', async ({
  openPage,
  browserName,
}) => {
  test.skip(browserName !== 'chromium', 'the engines do not differ in this')
  test.setTimeout(120_000)
  await using place = await startFaultyPlace()
  place.box.put(noWebSocket, lateByOne(streams))
  const page = await openPage()
  const traffic = place.flow(10)
  await openLine(page, place)
  const isStreaming = async () =>
    (await report(page)).some(
      ({ transport, state, verdict }) =>
        /^(event|xhr)/.test(transport) && state === 'in use' && works.test(verdict),
    )
  await expect.poll(isStreaming, { timeout: 60_000 }).toBe(true)
  // Only a quiet moment tells, and how long that has to be depends on the machine: test/race/race.test.ts tries all rhythms.
  await traffic.stop()
  const heldBack = async () =>
    (await report(page)).some(({ verdict }) => /holds back what is newest/.test(verdict))
  await expect.poll(heldBack, { timeout: 45_000 }).toBe(true)
  await expectTransport(page, 'long-polling')
  const looks = async () => (await report(page)).filter(({ transport }) => transport === 'websocket').length
  const before = await looks()
  await page.evaluate(() => void window.dispatchEvent(new Event('online')))
  await expect.poll(looks).toBeGreaterThan(before)
  await send(page)
  await place.publish()
  await expectExact(page, place)
  const tried = (await report(page)).map(({ transport }) => transport)
  expect(tried.slice(tried.lastIndexOf('long-polling'))).not.toContain('eventsource')
  await openLine(page, place)
  await expectTransport(page, 'long-polling')
  expect((await report(page)).map(({ transport }) => transport)).not.toContain('eventsource')
})

function crosses({ box, faults, best, verdicts, quiet }: Case): void {
  test(`${best} is the way through a box that ${box}`, async ({ openPage }) => {
    await using place = await startFaultyPlace()
    place.box.put(...faults())
    const page = await openPage()
    await place.publish(3)
    const traffic = quiet ? undefined : place.flow()
    await openLine(page, place)
    await expectTransport(page, best)
    await send(page)
    await place.publish(3)
    await traffic?.stop()
    await expectExact(page, place)
    await expectVerdicts(page, verdicts)
    await comesBackTheSameWay(page, place, best)
  })
}

/** The next page of the same site starts where this one ended, and goes on after any message it names. */
async function comesBackTheSameWay(page: Parameters<typeof openLine>[0], place: FaultyPlace, best: string) {
  const after = place.published[0]?.id as string
  await openLine(page, place, { lastEventId: after })
  await expectTransport(page, best)
  await place.publish(3)
  await expectExact(page, place, after)
}
