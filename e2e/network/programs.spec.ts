/** The same behind the middleboxes that people really run: nginx and HAProxy, where they are installed. */
import { expect, test } from '../fixtures/test.ts'
import { haproxy, haproxyRules } from './haproxy.ts'
import { nginx, nginxRules } from './nginx.ts'
import {
  type Box,
  expectExact,
  expectTransport,
  expectVerdicts,
  openLine,
  type Place,
  send,
  startPlace,
} from './place.ts'
import { missing, type Program, startProgram } from './programs.ts'

declare const line: { readonly readyState: number }
declare const heard: { type: string; transport?: string }[]

interface Case {
  readonly box: string
  readonly program: (target: number) => Program
  readonly best: string
  readonly everywhere?: boolean
}

const cases: Case[] = [
  { box: 'nginx that passes WebSocket', program: port => nginx(port, nginxRules.passes), best: 'websocket' },
  {
    box: 'nginx that was not told of WebSocket',
    program: port => nginx(port, nginxRules.streams),
    best: 'eventsource',
  },
  {
    box: 'nginx that buffers',
    program: port => nginx(port, nginxRules.buffers),
    best: 'long-polling',
    everywhere: true,
  },
  {
    box: 'nginx that compresses and buffers',
    program: port => nginx(port, nginxRules.compresses),
    best: 'long-polling',
    everywhere: true,
  },
  { box: 'HAProxy as it is', program: port => haproxy(port, haproxyRules.passes), best: 'websocket' },
  {
    box: 'HAProxy that deletes the Upgrade header',
    program: port => haproxy(port, haproxyRules.deletesUpgrade),
    best: 'eventsource',
  },
  ...[400, 403, 502].map(status => ({
    box: `HAProxy that refuses WebSocket with ${status}`,
    program: (port: number) => haproxy(port, haproxyRules.refuses(status)),
    best: 'eventsource',
  })),
  {
    box: 'HAProxy that puts WebSocket into its tarpit',
    program: port => haproxy(port, haproxyRules.tarpits),
    best: 'eventsource',
    everywhere: true,
  },
  {
    box: 'HAProxy that drops WebSocket without a word',
    program: port => haproxy(port, haproxyRules.drops),
    best: 'eventsource',
    everywhere: true,
  },
  {
    box: 'HAProxy that asks WebSocket who it is',
    program: port => haproxy(port, haproxyRules.asksWho),
    best: 'eventsource',
  },
]

for (const { box, program, best, everywhere = false } of cases) {
  test(`${best} is the way through ${box}`, async ({ openPage, browserName }) => {
    test.skip(!everywhere && browserName !== 'chromium', 'the engines do not differ in this')
    await using place = await startBehind(program)
    const page = await openPage()
    const traffic = best === 'long-polling' ? undefined : place.flow()
    await openLine(page, place)
    await expectTransport(page, best)
    await send(page)
    await place.publish(3)
    await traffic?.stop()
    await expectExact(page, place)
    await expectVerdicts(page, { [best]: /^works/ })
  })
}

test.describe('', () => {
  test.skip(({ browserName }) => browserName !== 'chromium', 'the engines do not differ in this')

  test('eventsource is the way in the end where HAProxy makes every piece wait', async ({ openPage }) => {
    const rules = `${haproxyRules.refuses(403)}\n  ${haproxyRules.dawdles}`
    await using place = await startBehind(port => haproxy(port, rules))
    const page = await openPage()
    const traffic = place.flow()
    await openLine(page, place)
    await expectTransport(page, 'eventsource')
    await send(page)
    await traffic.stop()
    await expectExact(page, place)
  })

  test('HAProxy cuts what is idle for some seconds, and nothing is lost', async ({ openPage }) => {
    await using place = await startBehind(port =>
      haproxy(port, haproxyRules.passes, { server: 2, tunnel: 2 }),
    )
    const page = await openPage()
    await openLine(page, place)
    await page.waitFor(() => line.readyState === 1)
    for (let cut = 1; cut <= 3; cut++) {
      await page.waitFor(times => heard.filter(({ type }) => type === 'error').length >= times, cut)
      await place.publish(2)
      await send(page, 1)
    }
    await place.publish(2)
    await expectExact(page, place)
  })

  test('HAProxy lets a line live that beats faster than its patience', async ({ openPage }) => {
    await using place = await startBehind(
      port => haproxy(port, haproxyRules.passes, { server: 2, tunnel: 2 }),
      600,
    )
    const page = await openPage()
    await openLine(page, place)
    await expectTransport(page, 'websocket')
    await new Promise(resolve => setTimeout(resolve, 5_000))
    await place.publish(2)
    await send(page)
    await expectExact(page, place)
    expect(await page.evaluate(() => heard.filter(({ type }) => type === 'error'))).toEqual([])
  })
})

function startBehind(program: (target: number) => Program, heartbeat?: number): Promise<Place<Box>> {
  const reason = missing(program(0))
  test.skip(reason !== undefined, reason)
  return startPlace(target => startProgram(program(target)), heartbeat ? { heartbeat } : {})
}
