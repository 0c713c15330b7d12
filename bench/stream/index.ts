/**
 * What an answer to a POST costs a page that reads it as it comes: `npm run bench -- --only stream`.
 *
 * Method. A page asks a server in this process by `throughline/stream`, or by the few lines of `fetch` that people write by hand (a decoder, and a split at blank
 * lines). First: how long from the call until the first piece was handed over, of an answer of one piece; each asks 40 times in a round, by turns. Then 200 pieces a second
 * of 20 characters each for five seconds: what the page's main thread was busy (`TaskDuration` of the DevTools protocol).
 */
import { createServer } from 'node:http'
import { cpus } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { inTurn, median } from '../numbers.ts'
import type { Effort } from '../question.ts'
import { atMost, type Found, question } from '../report/findings.ts'
import { launch, type Page } from '../stage/browser.ts'
import { bundle } from '../stage/bundle.ts'
import { listen, pageServer } from '../stage/pages.ts'

const ours = 'throughline/stream'
const byHand = 'fetch, by hand'
const ways = [ours, byHand] as const

/** Pieces of a burst, one each 5 ms. */
const pieces = 1_000
const pace = 5

export const streams = question(
  {
    name: 'stream',
    title: 'An answer to a POST, piece by piece',
    intro: 'The first piece, and 200 pieces a second.',
  },
  find,
)

async function find({ quick }: Effort): Promise<Found> {
  const rounds = quick ? 2 : 9
  const script = await bundle(
    `import { bench } from './stream/page.ts'\nObject.assign(globalThis, { bench })`,
  )
  const pages = pageServer(script)
  const server = createServer((request, response) => {
    if (request.method !== 'POST') return pages(request, response)
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
    request
      .resume()
      .on(
        'end',
        () =>
          void answer(request.url === '/one' ? 1 : pieces, text => response.write(text)).then(() =>
            response.end(),
          ),
      )
  })
  const port = await listen(server)
  const browser = await launch()
  const first = new Map<string, number[]>(ways.map(way => [way, []]))
  const busy = new Map<string, number[]>(ways.map(way => [way, []]))
  for (let round = 0; round < rounds; round++) {
    const page = await browser.open(`http://127.0.0.1:${port}/`)
    await page.run('Promise.all([bench.first("ours", 5), bench.first("hand", 5)])')
    const took = await page.run<{ ours: number; hand: number }>('bench.byTurns(40)')
    first.get(ours)?.push(took.ours)
    first.get(byHand)?.push(took.hand)
    await page.close()
    for (const way of inTurn(ways, round)) busy.get(way)?.push(await busyWith(browser, port, way))
  }
  await browser.close()
  server.closeAllConnections()
  server.close()
  const ratio = (of: Map<string, number[]>) =>
    median((of.get(ours) ?? []).map((each, at) => each / (of.get(byHand)?.[at] ?? Number.NaN)))
  return {
    machine: { cores: cpus().length, node: process.version, browser: `Chromium ${browser.version}` },
    rounds,
    tables: [
      {
        name: 'stream',
        title: 'For the page',
        what: 'ms until the first piece; ms that the main thread was busy with 1,000 pieces in five seconds.',
        columns: [
          { name: 'first piece', digits: 2 },
          { name: 'busy', digits: 0 },
        ],
        rows: ways.map(way => ({
          who: way,
          kind: way === ours ? 'ours' : 'native',
          cells: [median(first.get(way) ?? []), median(busy.get(way) ?? [])],
        })),
      },
    ],
    bars: [
      atMost('first piece ≤ 1.1 × by hand', ratio(first), 1.1, '×'),
      atMost('busy ≤ 1.2 × by hand', ratio(busy), 1.2, '×'),
    ],
  }
}

async function busyWith(
  browser: Awaited<ReturnType<typeof launch>>,
  port: number,
  way: string,
): Promise<number> {
  const page: Page = await browser.open(`http://127.0.0.1:${port}/`)
  const name = way === ours ? 'ours' : 'hand'
  await page.run(`bench.first('${name}', 5)`)
  const before = await page.measure()
  await page.run(`bench.all('${name}')`)
  const after = await page.measure()
  await page.close()
  return after.busy - before.busy
}

async function answer(count: number, write: (text: string) => void): Promise<void> {
  const started = performance.now()
  for (let n = 0; n < count; n++) {
    write(`data: ${`piece ${n} `.padEnd(20, 'x')}\n\n`)
    if (count > 1) await sleep(Math.max(0, started + (n + 1) * pace - performance.now()))
  }
}
