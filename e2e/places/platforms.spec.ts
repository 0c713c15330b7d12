/** The examples, each run as its first line says, by real pages. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { freePort } from '../fixtures/free-port.ts'
import { expect, type TestPage, test } from '../fixtures/test.ts'
import { makeProject } from './project.ts'
import { folder } from './runtimes.ts'

const platforms: Record<string, string[]> = {
  Bun: ['node_modules/.bin/bun', 'examples/bun/server.js'],
  Deno: [
    ...[
      'node_modules/.bin/deno',
      'run',
      '--quiet',
      '--allow-net',
      '--allow-read',
      '--allow-env',
      '--allow-sys',
    ],
    ...['--node-modules-dir=manual', 'examples/deno/server.js'],
  ],
  'Hono on Node': [process.execPath, 'examples/hono/server.js'],
  'Cloudflare’s workerd': ['node_modules/node-22.23.5/bin/node', 'worker.mjs'],
  Express: [process.execPath, 'examples/express/server.js'],
  Fastify: [process.execPath, 'examples/fastify/server.js'],
  'Vite and React': ['sh', '-c', 'cd examples/react && (node hub.js & exec vite)'],
  'Next.js': ['sh', '-c', 'cd examples/next && next build && exec next start -H localhost'],
}

const all = ['websocket', 'eventsource', 'xhr-streaming', 'long-polling', 'jsonp']

test.beforeAll(async ({ browserName }) => {
  test.setTimeout(300_000)
  if (browserName === 'chromium') await makeProject()
})

for (const [name, command] of Object.entries(platforms)) {
  test(`${name} serves a page by each transport`, async ({ openPage, browserName }) => {
    test.skip(browserName !== 'chromium', 'it is the server that is tried: once is enough')
    // Next.js is built first, which takes a busy machine a minute.
    if (name === 'Next.js') test.setTimeout(300_000)
    await using platform = await start(command)
    // A route handler of Next.js has no sockets.
    const transports = name === 'Next.js' ? all.slice(1) : all
    const pages = []
    for (const transport of transports) {
      const page = await openPage()
      await page.goto(`${platform.url}/?transport=${transport}`)
      await opens(page, transport)
      pages.push(page)
    }
    const said: string[] = []
    for (const [at, page] of pages.entries()) {
      const text = `by ${transports[at]} 안녕 👋`
      said.push(text)
      await page.evaluate(text => {
        const form = document.querySelector('form') as HTMLFormElement
        ;(form.elements.namedItem('text') as HTMLInputElement).value = text
        form.requestSubmit()
      }, text)
      for (const each of pages)
        await each.waitFor(
          said =>
            JSON.stringify([...document.querySelectorAll('li')].map(({ textContent }) => textContent)) ===
            said,
          JSON.stringify(said),
        )
    }
    expect(platform.complaints()).toEqual([])
    const late = await openPage()
    await late.goto(platform.url)
    await late.waitFor(count => document.querySelectorAll('li').length === count, said.length)
    expect(await late.evaluate(() => document.querySelector('#state')?.textContent)).toBe(transports[0])
  })
}

async function opens(page: TestPage, transport: string): Promise<void> {
  const state = () => page.evaluate(() => document.querySelector('#state')?.textContent)
  await expect
    .poll(state, { message: `the state of a page over ${transport}`, timeout: 30_000 })
    .toBe(transport)
}

/** What Deno says of `request.signal`, and Next.js of a project inside of another one. */
const known =
  /legacy|workspace root|lockfile|package-lock|turbopack\.root|outputFileTracingRoot|more information/

test('Fastify is the hub’s at each address that it listens on', async ({ browserName }) => {
  test.skip(browserName !== 'chromium', 'no browser is in it: once is enough')
  // As where the system’s list of hosts has both.
  const both = `import dns from 'node:dns'
    const { lookup } = dns
    const localhost = [{ address: '127.0.0.1', family: 4 }, { address: '::1', family: 6 }]
    dns.lookup = (name, options, done) =>
      name === 'localhost' && options.all ? done(null, localhost) : lookup(name, options, done)`
  const preload = `data:text/javascript,${encodeURIComponent(both)}`
  await using example = await start([process.execPath, '--import', preload, 'examples/fastify/server.js'])
  const { port } = new URL(example.url)
  for (const host of ['127.0.0.1', '[::1]']) {
    const answer = await fetch(`http://${host}:${port}/live?topic=room&rt.via=long-polling&rt.n=0`)
    expect([host, answer.status, await answer.text()]).toEqual([
      host,
      200,
      expect.stringContaining('event: rt.open'),
    ])
    expect([host, (await fetch(`http://${host}:${port}/`)).status]).toEqual([host, 200])
  }
  expect(example.complaints()).toEqual([])
})

test('an answer goes on word by word, over a reload and in a second tab', async ({
  openPage,
  browserName,
}) => {
  test.skip(browserName !== 'chromium', 'it is the example that is tried: once is enough')
  await using example = await start([process.execPath, 'examples/answer/server.js'])
  const page = await openPage()
  await page.goto(example.url)
  await page.evaluate(() => {
    const form = document.querySelector('form') as HTMLFormElement
    ;(form.elements.namedItem('question') as HTMLInputElement).value = 'Why?'
    form.requestSubmit()
  })
  await page.waitFor(() =>
    document.querySelector('#answer')?.textContent?.startsWith('You have asked “Why?”'),
  )
  const address = await page.evaluate(() => location.href)
  await page.goto('about:blank')
  await page.goto(address)
  const other = await openPage()
  await other.goto(address)
  for (const each of [page, other]) {
    await each.waitFor(() => document.querySelector('#state')?.textContent === 'done')
    expect(await each.evaluate(() => document.querySelector('#answer')?.textContent)).toBe(
      'You have asked “Why?”. I answer word by word, and you may reload the page meanwhile.',
    )
  }
  expect(example.complaints()).toEqual([])
})

test('pointers are seen where they are, and go with their people', async ({ openPage, browserName }) => {
  test.skip(browserName !== 'chromium', 'it is the example that is tried: once is enough')
  await using example = await start([process.execPath, 'examples/cursors/server.js'])
  const [ann, bob] = [await openPage(), await openPage()]
  await ann.goto(`${example.url}/?name=ann`)
  await bob.goto(`${example.url}/?name=bob`)
  for (const page of [ann, bob])
    await page.waitFor(() => document.querySelectorAll('#people li').length === 2)
  await bob.evaluate(() =>
    window.dispatchEvent(new PointerEvent('pointermove', { clientX: innerWidth / 2, clientY: 30 })),
  )
  await ann.waitFor(() => document.querySelector('.pointer')?.textContent === 'bob')
  expect(await bob.evaluate(() => document.querySelectorAll('.pointer').length)).toBe(0)
  await bob.goto('about:blank')
  await ann.waitFor(() => document.querySelectorAll('.pointer, #people li').length === 1)
  expect(example.complaints()).toEqual([])
})

interface Platform extends AsyncDisposable {
  readonly url: string
  /** What it wrote that it should not have. */
  complaints(): string[]
}

async function start([program = '', ...args]: string[]): Promise<Platform> {
  const port = await freePort()
  const child = spawn(program, args, {
    cwd: folder,
    // So that what a shell has begun can be ended with it.
    detached: true,
    env: {
      ...process.env,
      // Vite, which another test may have run in this process, sets it to what Next.js cannot build with.
      NODE_ENV: undefined,
      PORT: `${port}`,
      HUB_PORT: `${await freePort()}`,
      PATH: `${folder}/node_modules/.bin:${process.env.PATH}`,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let wrote = ''
  let complained = ''
  child.stdout.setEncoding('utf8').on('data', piece => {
    wrote += piece
  })
  child.stderr.setEncoding('utf8').on('data', piece => {
    complained += piece
  })
  const ended = once(child, 'close')
  const url = `http://localhost:${port}`
  while (!(await answers(url)))
    if (child.exitCode !== null) throw new Error(`${program} has ended: ${wrote}${complained}`)
  return {
    url,
    complaints: () => complained.split('\n').filter(line => line && !known.test(line)),
    async [Symbol.asyncDispose]() {
      process.kill(-(child.pid as number), 'SIGKILL')
      await ended
    },
  }
}

async function answers(url: string): Promise<boolean> {
  await wait(100)
  return fetch(url).then(
    ({ ok }) => ok,
    () => false,
  )
}
