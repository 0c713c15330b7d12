/** Three nodes behind nginx as the docs have it, without what keeps a client on its node: each request comes to the next one. */
import { readFile } from 'node:fs/promises'
import { createHub, type HubOptions, memoryLog } from '../../server/index.ts'
import { type Site, startSite } from '../fixtures/site.ts'
import { expect, type TestPage, test } from '../fixtures/test.ts'
import { documented } from './documented.ts'
import { missing, startProgram } from './programs.ts'

declare const begin: (url: string, options: object) => void
declare const line: { readonly readyState: number; send(data: unknown): Promise<void>; close(): void }
declare const heard: { type: string; data?: string }[]

/** A tab's window, with what pages/line.html puts there. */
type Tab = Window & {
  begin(url: string, options: object): void
  line: { readonly readyState: number; readonly transport: string; send(data: unknown): Promise<void> }
  heard: { type: string; data?: string }[]
}

const transports = ['websocket', 'eventsource', 'xhr-streaming', 'long-polling', 'jsonp'] as const
const count = 3
const numbers = Array.from({ length: 20 }, (_, index) => `${index}`)
const token = 'hunter2'

const without = missing(documented('nginx', '', rules => rules))
test.skip(without !== undefined, without)

for (const transport of transports) {
  test(`${transport}: twenty numbers up and twenty down, in order and once, in one session, which ends as its line is closed`, async ({
    openPage,
  }) => {
    await using nodes = await startNodes()
    const page = await openPage()
    await page.goto(`${nodes.url}/pages/line.html`)
    await page.evaluate(name => begin('/live?topic=lobby', { transports: [name] }), transport)
    await exchange(page, nodes)
    expect(nodes.told).toEqual(['open'])
    // What a WebSocket brings comes to the node where it is.
    if (transport !== 'websocket') expect(nodes.forwarded()).toBeGreaterThan(0)
    await page.evaluate(() => line.close())
    await expect.poll(() => nodes.told).toEqual(['open', 'close'])
  })

  test(`${transport}: the same with a token, and a query that is too long for an address`, async ({
    openPage,
  }) => {
    await using nodes = await startNodes({
      authorize: asked => asked.token === token && asked.url.searchParams.getAll('topic'),
    })
    const page = await openPage()
    await page.goto(`${nodes.url}/pages/line.html`)
    await page.evaluate(
      ({ transport, token }) => {
        const topic = ['lobby', ...Array.from({ length: 700 }, (_, index) => `company:${index}`)]
        begin('/live', { transports: [transport], params: { topic }, token: () => token })
      },
      { transport, token },
    )
    await exchange(page, nodes)
    expect(nodes.told).toEqual(['open'])
  })
}

test('seven tabs share a connection; when the one that has it goes, the others go on by another', async ({
  openPage,
}) => {
  await using nodes = await startNodes({ refuse: ['websocket'] })
  const page = await openPage()
  await page.goto(`${nodes.url}/pages/blank.html`)
  await openTabs(page, `${nodes.url}/pages/line.html`, 7)
  await eachTab(page, nodes, 'first', 7)
  await page.evaluate(() => {
    const frames = [...document.querySelectorAll('iframe')]
    frames.find(({ contentWindow }) => (contentWindow as Tab).line.transport !== 'carried')?.remove()
  })
  await eachTab(page, nodes, 'second', 6)
})

type Nodes = Awaited<ReturnType<typeof startNodes>>

async function exchange(page: TestPage, nodes: Nodes): Promise<void> {
  await page.waitFor(() => line.readyState === 1)
  for (const number of numbers) {
    await nodes.publish(number)
    await page.evaluate(number => line.send(number), number)
  }
  await page.waitFor(last => heard.some(({ data }) => data === last), numbers.at(-1) as string)
  const messages = await page.evaluate(() => heard.filter(({ type }) => type !== 'open'))
  expect(messages.map(({ type, data }) => data ?? type)).toEqual(numbers)
  expect(nodes.taken).toEqual(numbers)
}

async function startNodes(options: HubOptions = {}) {
  const log = memoryLog()
  const taken: string[] = []
  const told: string[] = []
  const nodes: { hub: ReturnType<typeof createHub>; site: Site }[] = []
  for (let at = 0; at < count; at++) {
    const hub = createHub({ log, trustProxy: ['127.0.0.1'], ...options })
    hub.on('message', ({ data }) => void taken.push(String(data)))
    hub.on('open', () => void told.push('open'))
    hub.on('close', () => void told.push('close'))
    nodes.push({ hub, site: await startSite({ hub }) })
  }
  await expect.poll(() => nodes.map(({ hub }) => hub.stats().nodes)).toEqual(nodes.map(() => count))
  const shown = /```nginx\n([\s\S]*?)```/.exec(await readFile('docs/load-balancers.md', 'utf8'))?.[1] ?? ''
  const rules = shown.replace(/^ *hash .*\n/m, '')
  expect(rules).not.toBe(shown)
  const place = (text: string) =>
    text.replace(/\bnode-(\d):8080/g, (_, node) => `127.0.0.1:${nodes[node - 1]?.site.port}`)
  const box = await startProgram(documented('nginx', rules, place))
  let turn = 0
  return {
    url: box.url,
    taken,
    told,
    publish: (data: string) => nodes[turn++ % count]?.hub.publish('lobby', data),
    forwarded: () => nodes.reduce((sum, { hub }) => sum + hub.stats().forwarded, 0),
    async [Symbol.asyncDispose]() {
      await box.close()
      await Promise.all(nodes.map(({ hub }) => hub.close()))
      await Promise.all(nodes.map(({ site }) => site.close()))
    },
  }
}

/** Frames of one page share its connections as tabs do. */
async function openTabs(page: TestPage, url: string, tabs: number): Promise<void> {
  await page.evaluate(
    async ({ url, tabs }) => {
      const frames = Array.from({ length: tabs }, () => document.createElement('iframe'))
      const loaded = frames.map(frame => new Promise(resolve => frame.addEventListener('load', resolve)))
      for (const frame of frames) frame.src = url
      document.body.append(...frames)
      await Promise.all(loaded)
      for (const { contentWindow } of frames)
        (contentWindow as Tab).begin('/live?topic=lobby', { shared: true })
    },
    { url, tabs },
  )
}

/** Each tab sends and hears, all but one by way of that one, and none was told of a gap. */
async function eachTab(page: TestPage, nodes: Nodes, what: string, tabs: number): Promise<void> {
  const carried = () =>
    page.evaluate(() =>
      [...document.querySelectorAll('iframe')].map(({ contentWindow }) => {
        const { line } = contentWindow as Tab
        return line.readyState === 1 && (line.transport === 'carried' ? 'carried' : 'own')
      }),
    )
  await expect
    .poll(async () => (await carried()).toSorted(), { timeout: 60_000 })
    .toEqual([...Array.from({ length: tabs - 1 }, () => 'carried'), 'own'])
  await nodes.publish(what)
  await page.evaluate(
    what =>
      Promise.all(
        [...document.querySelectorAll('iframe')].map(({ contentWindow }, nth) =>
          (contentWindow as Tab).line.send(`${what} ${nth}`),
        ),
      ),
    what,
  )
  const sent = nodes.taken.filter(data => data.startsWith(what))
  expect(sent.toSorted()).toEqual(Array.from({ length: tabs }, (_, nth) => `${what} ${nth}`))
  await expect
    .poll(() =>
      page.evaluate(
        what =>
          [...document.querySelectorAll('iframe')].map(({ contentWindow }) => {
            const { heard } = contentWindow as Tab
            const gaps = heard.filter(({ type }) => type === 'gap').length
            return [heard.filter(({ data }) => data === what).length, gaps].join()
          }),
        what,
      ),
    )
    .toEqual(Array.from({ length: tabs }, () => '1,0'))
}
