/**
 * How tabs share a connection best: `npx tsx bench/tabs.ts`.
 *
 * Method. Two tabs of one Chromium hear a topic of a hub in this process, over WebSocket. "own": each has a connection of its own. "carried": `shared: true`, so that
 * the first tab's connection brings the second what is its own, by way of a BroadcastChannel. "worker": a SharedWorker has the line and tells both by their ports.
 * Of the second tab it is measured how long opening takes on a page that has loaded (for the worker with and without one that runs already), how long a lone
 * message takes from `hub.publish` to its handler, and what the longest silence is while one message is published each 5 ms and the first tab is closed.
 */
import { type Browser, chromium, type Page } from 'playwright'
import { engines } from '../e2e/fixtures/engines.ts'
import { startSite } from '../e2e/fixtures/site.ts'
import { createHub } from '../server/index.ts'
import { inTurn, median } from './numbers.ts'

// What a page of the bench has.
declare function begin(way: string): Promise<void>
declare const heard: { sent: number; at: number }[]
declare const Throughline: { connect(url: string, options: object): EventTarget }

const rounds = 7
const lone = 40
const ways = ['own', 'carried', 'worker'] as const

const worker = `
importScripts('/dist/throughline.min.js')
const ports = []
let open = false
const line = Throughline.connect('/live?topic=x', { transports: ['websocket'] })
line.onopen = () => { open = true; for (const port of ports) port.postMessage('open') }
line.onmessage = ({ data }) => { for (const port of ports) port.postMessage({ data }) }
onconnect = ({ ports: [port] }) => { ports.push(port); if (open) port.postMessage('open') }
`
const html = `<!doctype html><script src="/dist/throughline.min.js"></script><script>
const heard = []
const note = data => heard.push({ sent: data, at: performance.timeOrigin + performance.now() })
function begin(way) {
  return new Promise(resolve => {
    if (way === 'worker') {
      const { port } = new SharedWorker('/worker.js')
      port.onmessage = ({ data }) => data === 'open' ? resolve() : note(data.data)
    } else {
      const line = Throughline.connect('/live?topic=x', { transports: ['websocket'], shared: way === 'carried' })
      line.onopen = resolve
      line.onmessage = ({ data }) => note(data)
    }
  })
}
</script>`

const hub = createHub()
const site = await startSite({ hub })
site.route('/tab', (_, response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end(html))
site.route('/worker.js', (_, response) =>
  response.writeHead(200, { 'Content-Type': 'text/javascript' }).end(worker),
)
const browser = await chromium.launch(engines[0]?.use.launchOptions)
const found = new Map<string, number[]>()
for (let round = 0; round < rounds; round++)
  for (const way of inTurn(ways, round))
    for (const [name, took] of Object.entries(await measure(browser, way))) {
      const key = `${way}: ${name}`
      found.set(key, [...(found.get(key) ?? []), took])
    }
for (const key of [...found.keys()].sort())
  console.log(`${key} ${median(found.get(key) ?? []).toFixed(1)} ms`)
await browser.close()
await hub.close({ within: 0 })
await site.close()

async function measure(browser: Browser, way: string): Promise<Record<string, number>> {
  const context = await browser.newContext()
  const tabs = [await context.newPage(), await context.newPage()] as const
  for (const tab of tabs) await tab.goto(`${site.url}/tab`)
  const first = await timed(tabs[0], way)
  const second = await timed(tabs[1], way)
  for (let left = lone; left > 0; left--) {
    await hub.publish('x', now())
    await new Promise(resolve => setTimeout(resolve, 15))
  }
  await tabs[1].waitForFunction(count => heard.length >= count, lone)
  const alone = await tabs[1].evaluate(() => heard.map(({ sent, at }) => at - sent))
  const flow = setInterval(() => void hub.publish('x', now()), 5)
  await new Promise(resolve => setTimeout(resolve, 200))
  await tabs[0].close()
  await new Promise(resolve => setTimeout(resolve, 1_500))
  clearInterval(flow)
  const arrivals = await tabs[1].evaluate(count => heard.slice(count).map(({ at }) => at), lone)
  await context.close()
  const gaps = arrivals.map((at, index) => at - (arrivals[index - 1] ?? at))
  return {
    'opens first': first,
    'opens second': second,
    'a lone message': median(alone),
    'silent at most': Math.max(...gaps),
  }
}

function timed(page: Page, way: string): Promise<number> {
  return page.evaluate(async way => {
    const began = performance.now()
    await begin(way)
    return performance.now() - began
  }, way)
}

function now(): number {
  return performance.timeOrigin + performance.now()
}
