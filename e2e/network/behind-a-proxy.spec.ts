/** The configurations of docs/guides/behind-a-proxy.md let every transport through, and what they have is needed. */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { createServer } from 'vite'
import { startPlace } from '../fixtures/place.ts'
import { expect, type TestPage, test } from '../fixtures/test.ts'
import { documented } from './documented.ts'
import type { Box } from './place.ts'
import { missing, startProgram } from './programs.ts'

// What the page's own script, pages/line.html, puts into the page.
declare const begin: (url: string, options: object) => void
declare const line: {
  readonly state: string
  readonly transport: string | null
  send(data: unknown): Promise<void>
}
declare const messages: () => { data: unknown }[]

const folder = 'examples/guides/behind-a-proxy'
const transports = ['websocket', 'eventsource', 'xhr-streaming', 'long-polling', 'jsonp']

test.skip(({ browserName }) => browserName !== 'chromium', 'the engines do not differ in this')

/** How each is started in front of a site at this port; `change` makes another configuration of what is shown. */
const proxies: Record<string, (target: number, change?: (rules: string) => string) => Promise<Box>> = {
  nginx: (target, change) => start('nginx', 'nginx.conf', target, change),
  HAProxy: (target, change) => start('haproxy', 'haproxy.cfg', target, change),
  Vite: startVite,
}

for (const [name, startProxy] of Object.entries(proxies)) {
  test(`${name} lets each transport through`, async ({ openPage }) => {
    await using place = await startPlace()
    place.hub.on('message', ({ data }) => place.hub.publish('lobby', data))
    const proxy = await startProxy(place.site.port)
    const pages: TestPage[] = []
    for (const transport of transports) {
      const page = await openPage()
      await page.goto(`${proxy.url}/pages/line.html`)
      await page.evaluate(transport => begin('/live?topic=lobby', { transports: [transport] }), transport)
      await page.waitFor(() => line.state === 'open')
      expect(await page.evaluate(() => line.transport)).toBe(transport)
      pages.push(page)
    }
    for (const [at, page] of pages.entries()) {
      await page.evaluate(text => line.send(text), transports[at])
      for (const each of pages) await each.waitFor(count => messages().length === count, at + 1)
    }
    for (const page of pages)
      expect(await page.evaluate(() => messages().map(({ data }) => data))).toEqual(transports)
    await tells(proxy, { websocket: true, 'fetch-streaming': true, 'long-polling': true })
    await proxy.close()
  })
}

for (const [name, change] of [
  ['nginx', (rules: string) => rules.replaceAll(/^ *proxy_set_header (Upgrade|Connection) .*$/gm, '')],
  ['Vite', () => 'without ws'],
] as const)
  test(`${name} without what is for WebSocket is found out by diagnose`, async () => {
    await using place = await startPlace()
    const proxy = await (proxies[name] as (typeof proxies)[string])(place.site.port, change)
    await tells(proxy, { websocket: false, 'fetch-streaming': true, 'long-polling': true })
    await proxy.close()
  })

async function start(
  name: 'nginx' | 'haproxy',
  file: string,
  target: number,
  change = (rules: string) => rules,
): Promise<Box> {
  const rules = await readFile(`${folder}/${file}`, 'utf8')
  const program = documented(name, rules, rules =>
    change(rules).replaceAll('127.0.0.1:8080', `127.0.0.1:${target}`),
  )
  test.skip(missing(program) !== undefined, missing(program))
  return startProgram(program)
}

/** Vite's development server, for a page that the site has. */
async function startVite(target: number, change?: (rules: string) => string): Promise<Box> {
  const file = `../../${folder}/vite.config.js`
  const { default: shown } = await import(file)
  const { '/live': live, ...others } = shown.server.proxy
  expect(others).toEqual({})
  const site = `http://127.0.0.1:${target}`
  const server = await createServer({
    configFile: false,
    logLevel: 'silent',
    root: 'e2e/pages',
    server: {
      host: '127.0.0.1',
      hmr: false,
      proxy: {
        '/live': { ...live, target: site, ...(change && { ws: false }) },
        '/pages': site,
        '/dist': site,
      },
    },
  })
  await server.listen(0)
  const [url = ''] = server.resolvedUrls?.local ?? []
  return { url: new URL(url).origin, close: () => server.close() }
}

/**
 * What `npx throughline diagnose` says in the end. To a process that stood still for half a second a stream looks as if it were held back, and a machine
 * that runs three browsers has such processes: it is asked again then. What a proxy does holds each time.
 */
async function tells(proxy: Box, said: Record<string, boolean>): Promise<void> {
  await expect.poll(() => diagnose(proxy), { timeout: 40_000 }).toEqual(said)
}

/** What `npx throughline diagnose` says of each transport that Node has: whether it came through. */
async function diagnose({ url }: Box): Promise<Record<string, boolean>> {
  const { stdout } = await promisify(execFile)(process.execPath, [
    'dist/cli.js',
    'diagnose',
    `${url}/live?topic=lobby`,
    '--json',
  ])
  const findings: { transport: string; proven?: number }[] = JSON.parse(stdout)
  return Object.fromEntries(findings.map(({ transport, proven }) => [transport, proven !== undefined]))
}
