/** What every other test here rests on: one set of calls that does the same in three engines. */
import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { startSite } from './fixtures/site.ts'
import { startTcpProxy } from './fixtures/tcp-proxy.ts'
import { expect, test } from './fixtures/test.ts'

test('a page clicks, types and reads what a person sees', async ({ openPage }) => {
  const site = await startSite()
  const page = await openPage()
  await page.goto(`${site.url}/pages/engines.html`)
  await page.fill('#name', '세종')
  await page.click('#greet')
  expect(await page.text('#greeting')).toBe('Hello 세종')
  await site.close()
})

test('a function runs in the page, with what it awaits and what it throws', async ({ openPage }) => {
  const site = await startSite()
  const page = await openPage()
  await page.goto(`${site.url}/pages/blank.html`)
  expect(await page.evaluate(async add => (await fetch(location.href)).status + add, 1)).toBe(201)
  expect(await page.evaluate(() => undefined)).toBe(undefined)
  await expect(page.evaluate(() => Promise.reject(new TypeError('no such thing')))).rejects.toThrow(
    'no such thing',
  )
  expect(await page.waitFor(since => Date.now() > since && document.title, Date.now() + 200)).toBe(
    'A blank page',
  )
  await site.close()
})

test('a page imports a module that the test serves', async ({ openPage }) => {
  const site = await startSite()
  site.route('/answer.js', (_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/javascript' }).end('export const answer = 42')
  })
  const page = await openPage()
  await page.goto(`${site.url}/pages/blank.html`)
  expect(await page.evaluate(async url => (await import(url)).answer, `${site.url}/answer.js`)).toBe(42)
  await site.close()
})

test('two pages of one test share nothing', async ({ openPage }) => {
  const site = await startSite()
  const [one, other] = await Promise.all([openPage(), openPage()])
  await Promise.all([one, other].map(page => page.goto(`${site.url}/pages/blank.html`)))
  await one.evaluate(() => localStorage.setItem('who', 'one'))
  expect(await one.evaluate(() => localStorage.getItem('who'))).toBe('one')
  expect(await other.evaluate(() => localStorage.getItem('who'))).toBe(null)
  await site.close()
})

for (const kind of ['fin', 'rst'] as const) {
  test(`a page notices that the network is cut (${kind})`, async ({ openPage }) => {
    const site = await startSite()
    serveTicks(site)
    const proxy = await startTcpProxy(site.port)
    const page = await openPage()
    await page.goto(`${site.url}/pages/blank.html`)
    await page.evaluate(listenToBoth, proxy.port)
    await page.waitFor(() => heard().socket > 1 && heard().source > 1)
    expect(await page.evaluate(() => heard().losses)).toEqual([])

    proxy.cut(kind)
    await page.waitFor(() => heard().losses.includes('socket') && heard().losses.includes('source'))
    await proxy.close()
    await site.close()
  })
}

test('a stalled network holds everything back, and a refusing one takes nobody in', async ({ openPage }) => {
  const site = await startSite()
  serveTicks(site)
  const proxy = await startTcpProxy(site.port)
  const page = await openPage()
  await page.goto(`${site.url}/pages/blank.html`)
  await page.evaluate(listenToBoth, proxy.port)
  await page.waitFor(() => heard().socket > 1 && heard().source > 1)

  proxy.stall()
  await new Promise(resolve => setTimeout(resolve, 200))
  const before = await page.evaluate(heardCounts)
  await new Promise(resolve => setTimeout(resolve, 400))
  expect(await page.evaluate(heardCounts)).toEqual(before)
  proxy.resume()
  await page.waitFor(than => heard().socket > than.socket + 3 && heard().source > than.source + 3, before)

  const reach = (port: number) =>
    fetch(`http://127.0.0.1:${port}/ticks`).then(
      () => 'reached',
      () => 'refused',
    )
  await proxy.refuse(true)
  expect(await page.evaluate(reach, proxy.port)).toBe('refused')
  expect(await page.evaluate(() => heard().losses)).toEqual([])
  await proxy.refuse(false)
  expect(await page.evaluate(reach, proxy.port)).toBe('reached')
  await proxy.close()
  await site.close()
})

/** Ten ticks a second, by EventSource and by WebSocket. */
function serveTicks(site: Awaited<ReturnType<typeof startSite>>): void {
  site.route('/ticks', (_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Access-Control-Allow-Origin': '*' })
    const timer = setInterval(() => response.write('data: tick\n\n'), 100)
    response.on('close', () => clearInterval(timer))
  })
  site.server.on('upgrade', (request: IncomingMessage, socket: Duplex) => {
    const magic = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}${magic}`)
      .digest('base64')
    const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade']
    socket.write([...head, `Sec-WebSocket-Accept: ${accept}`, '', ''].join('\r\n'))
    const timer = setInterval(() => socket.write(Buffer.from('\x81\x04tick', 'latin1')), 100)
    socket.on('close', () => clearInterval(timer)).on('error', () => {})
  })
}

interface Heard {
  socket: number
  source: number
  losses: string[]
}

/** Defined in the page by `listenToBoth`. */
declare function heard(): Heard

function heardCounts(): { socket: number; source: number } {
  return { socket: heard().socket, source: heard().source }
}

function listenToBoth(port: number): void {
  const state: Heard = { socket: 0, source: 0, losses: [] }
  const socket = new WebSocket(`ws://127.0.0.1:${port}/ticks`)
  socket.onmessage = () => state.socket++
  socket.onclose = () => state.losses.push('socket')
  const source = new EventSource(`http://127.0.0.1:${port}/ticks`)
  source.onmessage = () => state.source++
  source.onerror = () => state.losses.push('source')
  Object.assign(window, { heard: () => state })
}
