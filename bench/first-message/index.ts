/**
 * Time to first message: `npm run bench -- --only first-message`.
 *
 * Method. From the call of the constructor (`connect()`, `new WebSocket()`, `io()` ...) in a page until its message handler
 * runs the first time, by the page's own clock. Each server says something to each client as soon as it knows of it, as
 * most applications do: that it is heard at once is what a person waits for. Every page load has a browser context of its
 * own, so nothing is warm but the connection that loaded the page (that of one that "returns" was there once before: it
 * waits there until its transport has proven itself, and loads the page again). The page is left alone until it has been
 * idle and then until the machine has been so for 100 ms, or for 2 s if it never is. A page's code runs for the first time,
 * as it does in life; the servers' has run before, since each has been connected to 50 times.
 *
 * In each round everybody is measured once, beginning with another one each round, and backwards in every other; the first
 * round does not count. Who has not heard anything after 8 s is told to stop; who has stopped twice on a network is not
 * asked there again.
 *
 * Servers, boxes and bundler run in one other process (backend.ts), each contestant on a port of its own. Where there is a
 * box all traffic goes through it, that of the references too. Libraries are used as their documentation begins, with their
 * defaults; for what is marked with * the server is a minimal implementation of its protocol (peers/servers/), which does less
 * than the real one.
 *
 * Chromium is driven by Playwright, which reports each request and frame to it; that costs everybody the same fraction of a
 * millisecond. Ratios are of medians, to the best that the browser has of its own on that network.
 */
import { cpus, loadavg } from 'node:os'
import type { Browser } from '@playwright/test'
import { inTurn } from '../numbers.ts'
import type { Effort, Machine, Question } from '../question.ts'
import { columns } from '../report/columns.ts'
import { startChild } from '../stage/child.ts'
import type { Ports } from './backend.ts'
import { type Bar, barsOf, median, type Row } from './bars.ts'
import { type Contestant, contestants } from './contestants.ts'
import { type Network, networks } from './networks.ts'
import { barLine, loadLine, present, rowCells, rowHead } from './present.ts'
import { launch, visit, warmUp } from './visit.ts'

export interface Answer {
  readonly machine: Machine
  readonly rounds: number
  readonly networks: readonly Result[]
}

export interface Result {
  readonly name: string
  readonly rows: readonly Row[]
  readonly bars: readonly Bar[]
  /** Median over all loads, in ms. */
  readonly stagger: number
  /** Of one minute, before and after: how many processes wanted a processor. */
  readonly load: readonly [number, number]
  /** The share of loads that found the machine idle. */
  readonly quiet: number
}

/** A row while it is filled. */
interface Run {
  readonly contestant: Contestant
  readonly times: (number | null)[]
  /** What carried the message, for each load that brought one. */
  readonly carriers: string[]
  /** Loads that brought nothing. */
  stopped: number
}

export const firstMessage: Question<Answer> = {
  name: 'first-message',
  title: 'Time to first message',
  ask,
  present,
}

async function ask({ quick, part }: Effort): Promise<Answer> {
  const rounds = quick ? 3 : 15
  const backend = await startChild<object, Ports>(new URL('backend.ts', import.meta.url))
  const results: Result[] = []
  let version = ''
  try {
    const ports = await backend.ask({})
    await warmUpAll(ports)
    for (const network of networks.filter(({ name }) => name.includes(part))) {
      const browser = await launch()
      version = browser.version()
      results.push(await measure(browser, network, ports, rounds))
      await browser.close()
    }
  } finally {
    backend.stop()
  }
  const machine = { cores: cpus().length, node: process.version, browser: `Chromium ${version}` }
  return { machine, rounds, networks: results }
}

async function warmUpAll(ports: Ports): Promise<void> {
  const browser = await launch()
  // Whoever waits for a refusal would wait here for nothing.
  for (const { name } of contestants.filter(({ only }) => !only))
    await warmUp(browser, ports[name]?.clean ?? 0)
  await browser.close()
}

async function measure(browser: Browser, network: Network, ports: Ports, rounds: number): Promise<Result> {
  const runs = contestants.filter(({ only }) => !only || only === network.name).map(newRun)
  const staggers: number[] = []
  let quiet = 0
  const [before = 0] = loadavg()
  for (let round = 0; round <= rounds; round++) {
    for (const run of inTurn(runs, round)) {
      if (run.stopped >= 2) continue
      const port = ports[run.contestant.name]?.[network.name] ?? 0
      const visited = await visit(browser, port, run.contestant.returns)
      const { ms, carrier, stagger } = visited
      if (ms === null) run.stopped++
      if (round === 0) continue
      run.times.push(ms)
      staggers.push(stagger)
      if (visited.quiet) quiet++
      if (carrier) run.carriers.push(carrier)
    }
  }
  const [after = 0] = loadavg()
  const rows = runs.map(toRow)
  const stagger = median(staggers)
  const result = {
    name: network.name,
    rows,
    bars: barsOf(network.name, rows, stagger),
    stagger,
    load: [before, after] as const,
    quiet: quiet / staggers.length,
  }
  print(network, result)
  return result
}

function newRun(contestant: Contestant): Run {
  return { contestant, times: [], carriers: [], stopped: 0 }
}

function toRow({ contestant, times, carriers }: Run): Row {
  return { who: contestant.name, times, carriers: byFrequency(carriers) }
}

function byFrequency(names: readonly string[]): string[] {
  const count = (name: string) => names.filter(each => each === name).length
  return [...new Set(names)].sort((a, b) => count(b) - count(a))
}

function print(network: Network, result: Result): void {
  const { title, what } = network
  console.log(`${title}: ${what}`)
  console.log(columns([rowHead(network), ...result.rows.map(row => rowCells(network, result, row))]))
  console.log(result.bars.map(bar => `  ${barLine(bar)}`).join('\n'))
  console.log(`  ${loadLine(result)}\n`)
}
