/**
 * What a message costs on a line that hears 1, 10, 1,000 topics: `npm run bench -- --only topics`.
 *
 * Method. A hub runs in a process of its own (host.ts), and a line over WebSocket in another one (page.ts, the SDK in Node), which has
 * a subscription with a listener to each topic. Messages of 100 bytes are published, to one of the topics, or to each in turn: each in a turn of
 * the event loop of its own, and so in a frame of its own, or 100 in one. Counted is what either process has used of its processor
 * (`process.cpuUsage`) from the first publish until the last message was heard, for one message. A first burst of each kind warms both up. In each round
 * every number of topics has two fresh processes, another one first each round.
 */
import { cpus } from 'node:os'
import { inTurn, median } from '../numbers.ts'
import type { Effort } from '../question.ts'
import { atMost, type Bar, type Found, question, type Table } from '../report/findings.ts'
import { startChild } from '../stage/child.ts'
import type { HostOrder, HostTold } from './host.ts'
import type { PageOrder, PageTold } from './page.ts'

const numbers = [1, 10, 1_000]

interface Way {
  readonly name: string
  /** Which of its topics are published to, of so many. */
  readonly spread: (topics: number) => number
  /** How many messages are in a frame. */
  readonly together: number
}

const ways: readonly Way[] = [1, 100].flatMap(together => {
  const frame = together === 1 ? 'a frame each' : `${together} in a frame`
  return [
    { name: `to one topic, ${frame}`, spread: () => 1, together },
    { name: `to each in turn, ${frame}`, spread: (topics: number) => topics, together },
  ]
})

/** Of one message, in µs; a sample of each round. */
interface Cost {
  readonly topics: number
  readonly way: Way
  readonly page: number[]
  readonly server: number[]
}

export const topics = question(
  {
    name: 'topics',
    title: 'Topics on a line',
    intro: 'What a message costs on a line that hears so many topics.',
  },
  find,
)

async function find({ quick }: Effort): Promise<Found> {
  const rounds = quick ? 1 : 7
  const costs = numbers.flatMap(topics => ways.map((way): Cost => ({ topics, way, page: [], server: [] })))
  for (let round = 0; round < rounds; round++)
    for (const topics of inTurn(numbers, round))
      await measure(
        topics,
        costs.filter(cost => cost.topics === topics),
        quick ? 5_000 : 20_000,
      )
  return {
    machine: { cores: cpus().length, node: process.version, browser: '' },
    rounds,
    tables: [tableOf(costs, 'page'), tableOf(costs, 'server')],
    bars: ways.flatMap(way => [barOf(costs, way, 'page'), barOf(costs, way, 'server')]),
  }
}

async function measure(topics: number, costs: readonly Cost[], count: number): Promise<void> {
  const host = await startChild<HostOrder, HostTold>(new URL('host.ts', import.meta.url))
  const page = await startChild<PageOrder, PageTold>(new URL('page.ts', import.meta.url))
  try {
    const { port = 0 } = await host.ask({ do: 'start' })
    await page.ask({ do: 'open', port, topics })
    for (const isWarm of [false, true])
      for (const { way, page: ofPage, server } of costs) {
        await page.ask({ do: 'listen', count })
        const { together } = way
        await host.ask({ do: 'publish', count, topics: way.spread(topics), together })
        const { spent = Number.NaN } = await page.ask({ do: 'await' })
        const { spent: spentThere = Number.NaN } = await host.ask({ do: 'spent' })
        if (!isWarm) continue
        ofPage.push((spent / count) * 1_000)
        server.push((spentThere / count) * 1_000)
      }
  } finally {
    page.stop()
    host.stop()
  }
}

function tableOf(costs: readonly Cost[], whose: 'page' | 'server'): Table {
  return {
    name: `topics-${whose}`,
    title: whose === 'page' ? 'For the page' : 'For the server',
    what: 'µs of its processor for one message, by how many topics the line hears.',
    columns: numbers.map(topics => ({ name: `${topics.toLocaleString('en')}`, digits: 2 })),
    rows: ways.map(way => ({
      who: way.name,
      kind: 'ours',
      cells: numbers.map(topics => figure(costs, way, whose, topics)),
    })),
  }
}

function barOf(costs: readonly Cost[], way: Way, whose: 'page' | 'server'): Bar {
  const [less, more] = [1, 1_000].map(topics => figure(costs, way, whose, topics))
  const words = `${whose}: a message ${way.name}, costs ≤ 1.1 × as much with 1,000 topics as with one`
  return atMost(words, (more ?? Number.NaN) / (less ?? Number.NaN), 1.1, '×')
}

function figure(costs: readonly Cost[], way: Way, whose: 'page' | 'server', topics: number): number {
  return median(costs.find(cost => cost.way === way && cost.topics === topics)?.[whose] ?? [])
}
