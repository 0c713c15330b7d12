/** Three nodes that share a log, restarted one after the other behind a balancer that is configured as docs/load-balancers.md says. */
import { createHub, memoryLog } from '../../server/index.ts'
import { type Site, startSite } from '../fixtures/site.ts'
import { expect, type TestPage, test } from '../fixtures/test.ts'
import { documented, placed, shown } from './documented.ts'
import { type Heard, mistakes, mistakesUpward, type Published, type Sent } from './history.ts'
import { beginLine, send } from './place.ts'
import { missing, startProgram } from './programs.ts'

declare const line: { readonly readyState: number; readonly transport: string | null }
declare const heard: (Heard & { message?: string })[]
declare const sent: Sent[]

const transports = ['websocket', 'eventsource', 'xhr-streaming', 'long-polling'] as const
const count = 3

test.skip(({ browserName }) => browserName !== 'chromium', 'the engines do not differ in this')

for (const name of ['nginx', 'haproxy'] as const) {
  test(`${name} as the docs have it loses nothing while its nodes are restarted one after the other`, async ({
    openPage,
  }) => {
    test.setTimeout(180_000)
    const configuration = await shown(name)
    const balancer = documented(name, configuration, rules => placed(rules, cluster.ports))
    const reason = missing(balancer)
    test.skip(reason !== undefined, reason)
    await using cluster = await startCluster()
    const box = await startProgram(balancer)
    const pages = await Promise.all(transports.map(() => openPage()))
    for (const [at, page] of pages.entries()) {
      await page.goto(`${box.url}/pages/line.html`)
      await beginLine(page, { transports: [transports[at]] })
      await page.waitFor(() => line.readyState === 1)
    }
    const flow = cluster.flow()
    for (let node = 0; node < count; node++) {
      await Promise.all(pages.map(page => send(page, 3)))
      const [restarting, sending] = [
        cluster.restart(node, name),
        Promise.all(pages.map(page => send(page, 3))),
      ]
      await Promise.all([restarting, sending])
      await Promise.all(pages.map(page => send(page, 3)))
      await Promise.all(pages.map(progress))
    }
    await flow.stop()
    for (const page of pages) {
      await page.waitFor(last => heard.some(({ id }) => id === last), cluster.published.at(-1)?.id ?? '')
      await page.waitFor(() => sent.every(({ outcome }) => outcome !== undefined))
      const [books, outcomes] = [await page.evaluate(() => heard), await page.evaluate(() => sent)]
      expect(mistakes(cluster.published, books)).toEqual([])
      expect(books.filter(({ message = '' }) => / 50[24]\b/.test(message))).toEqual([])
      // Behind nginx what met the end of a node's listening may be in doubt; all else was taken once and in order.
      const certain = outcomes.filter(({ outcome }) => name === 'haproxy' || outcome !== 'IN_DOUBT')
      expect(mistakesUpward(certain, cluster.taken)).toEqual([])
      for (const { data } of outcomes)
        expect(cluster.taken.filter(each => each === data).length).toBeLessThan(2)
    }
    await box.close()
  })
}

/** Waits until the page hears on. */
async function progress(page: TestPage): Promise<void> {
  const before = await page.evaluate(() => heard.filter(({ type }) => type === 'message').length)
  await page.waitFor(than => heard.filter(({ type }) => type === 'message').length > than + 5, before)
}

/** The hubs of all nodes are one application: what one of them takes is taken. */
async function startCluster() {
  const log = memoryLog({ retain: 100_000 })
  const taken: string[] = []
  const published: Published[] = []
  const nodes = await Promise.all(Array.from({ length: count }, () => startNode()))
  const ports = nodes.map(({ site }) => site.port)
  // It publishes, and no balancer leads to it.
  const publisher = createHub({ log })

  return {
    ports,
    taken,
    published,
    /** In the order that the page has for this balancer. Then it comes back where it was. */
    async restart(at: number, balancer: 'nginx' | 'haproxy') {
      const { site, hub } = nodes[at] as Awaited<ReturnType<typeof startNode>>
      if (balancer === 'nginx') site.server.close()
      await hub.drain({ within: 2_000 })
      if (balancer === 'haproxy') site.server.close()
      await hub.close()
      await site.close()
      nodes[at] = await startNode(ports[at])
    },
    flow() {
      let going = true
      const flowing = (async () => {
        while (going) {
          const data = `message ${published.length + 1}`
          published.push({ id: await publisher.publish('lobby', data), data })
          await new Promise(resolve => setTimeout(resolve, 20))
        }
      })()
      return {
        stop() {
          going = false
          return flowing
        },
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...nodes, { hub: publisher }].map(({ hub }) => hub.close()))
      await Promise.all(nodes.map(({ site }) => site.close()))
    },
  }

  async function startNode(port?: number) {
    const hub = createHub({ log, retry: 100, trustProxy: ['127.0.0.1'], probes: true })
    hub.on('message', ({ data }) => void taken.push(String(data)))
    const site: Site = await startSite({ hub, port })
    return { hub, site }
  }
}
