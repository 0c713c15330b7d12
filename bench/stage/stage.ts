/** Where contestants are measured: their servers in one process, their pages in a browser that nobody watches. */
import { cpus } from 'node:os'
import { inTurn } from '../numbers.ts'
import type { Machine } from '../question.ts'
import type { Order, Pace, Told } from './backend.ts'
import { type Browser, launch, type Page } from './browser.ts'
import { startChild } from './child.ts'
import type { Contestant } from './contestants.ts'
import type { Arrivals } from './page.ts'

export interface Stage {
  readonly machine: Machine
  readonly browser: Browser
  /** Opens a contestant's page and its line, and acts. The page is closed afterwards. */
  visit<T>(contestant: Contestant, act: (visit: Visit) => Promise<T>, how?: Between): Promise<T>
  close(): Promise<void>
}

/** Measures each of `runs` once in a round, another one first each time. Gives back what it was measured on. */
export async function inRounds<Run>(
  rounds: number,
  runs: readonly Run[],
  measure: (stage: Stage, run: Run) => Promise<void>,
): Promise<Machine> {
  const stage = await openStage()
  try {
    for (let round = 0; round < rounds; round++)
      for (const run of inTurn(runs, round)) await measure(stage, run)
  } finally {
    await stage.close()
  }
  return stage.machine
}

/** What to put between page and server: gets the server's port, gives back the one for the page. */
export type Between = (port: number) => Promise<number>

/** All times are of the machine's clock, in ms. */
export interface Visit {
  readonly page: Page
  /** Sends messages from the server, numbered from `from`; all at once or at a pace. Gives back when each turn began. */
  publish(count: number, size: number, at: Pace, from?: number): Promise<readonly number[]>
  /** Sends so many, and settles when the page has them. Gives back when it began, when the last came, and the page's time. */
  burst(count: number, size: number, at: Pace): Promise<Burst>
  note(): Promise<void>
  noted(): Promise<Arrivals>
  /** Sends upward, and settles when the server has all. Gives back how long it took. */
  send(count: number, size: number, window: number): Promise<number>
}

export interface Burst {
  readonly took: number
  /** Of the page's main thread. */
  readonly busy: number
}

export async function openStage(flags: readonly string[] = []): Promise<Stage> {
  const backend = await startChild<Order, Told>(new URL('backend.ts', import.meta.url))
  const browser = await launch(flags)
  return {
    browser,
    machine: { cores: cpus().length, node: process.version, browser: `Chromium ${browser.version}` },
    visit,
    async close() {
      backend.stop()
      await browser.close()
    },
  }

  async function visit<T>(
    { server, page: module, via }: Contestant,
    act: (visit: Visit) => Promise<T>,
    between: Between = async port => port,
  ): Promise<T> {
    const place = `${server} ${module}`
    const { port = 0 } = await backend.ask({ do: 'start', place, server, page: module })
    const page = await browser.open(`http://127.0.0.1:${await between(port)}/`)
    try {
      await page.run(`bench.open(${JSON.stringify(via)})`)
      const result = await act(createVisit(page, place))
      await page.run('bench.close()')
      return result
    } finally {
      await page.close()
    }
  }

  function createVisit(page: Page, place: string): Visit {
    const publish: Visit['publish'] = async (count, size, at, from = 1) =>
      (await backend.ask({ do: 'publish', place, from, count, size, at })).times
    return {
      page,
      publish,
      async burst(count, size, at) {
        const { busy } = await page.measure()
        const last = page.run<number>(`bench.count(${count})`)
        await page.run('0') // by now it counts
        const [begun = 0] = await publish(count, size, at)
        const took = (await last) + page.epoch - begun
        return { took, busy: (await page.measure()).busy - busy }
      },
      note: () => page.run('bench.note()'),
      async noted() {
        const { numbers, times } = await page.run<Arrivals>('bench.noted()')
        return { numbers, times: times.map(time => time + page.epoch) }
      },
      async send(count, size, window) {
        const heard = backend.ask({ do: 'hear', place, count })
        const begun = await page.run<number>(
          `{ const begun = performance.now(); bench.sending = bench.send(${count}, ${size}, ${window}); begun }`,
        )
        const [end = 0] = (await heard).times
        // The server has them; the page may not have heard that yet, and what waits there is limited.
        await page.run('bench.sending')
        return end - (begun + page.epoch)
      },
    }
  }
}
