import { type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { beginLine, openLine, startPlace } from './fixtures/place.ts'
import { type Site, startSite } from './fixtures/site.ts'
import { expect, test } from './fixtures/test.ts'

declare const line: {
  readonly readyState: number
  readonly transport: string
  send(data: unknown): Promise<void>
}
declare const heard: { type: string; message?: string; retryIn?: number }[]

/** Passes the line's requests on under a Host of its own, as Vite's shorthand and nginx's plain `proxy_pass` do. */
async function startProxy(port: number): Promise<Site> {
  const site = await startSite()
  const onward = ({ headers }: IncomingMessage) => ({ ...headers, host: `inner.example:${port}` })
  site.route('/live', (asked, response) => {
    const { method, url: path } = asked
    const passed = request({ port, host: '127.0.0.1', method, path, headers: onward(asked) }, answer => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    passed.on('error', () => response.destroy())
    response.on('close', () => passed.destroy())
    asked.pipe(passed)
  })
  site.server.on('upgrade', (asked, socket, head) => {
    const inner = connect(port, '127.0.0.1')
    for (const each of [inner, socket]) each.on('error', () => [inner, socket].map(end => end.destroy()))
    const lines = Object.entries(onward(asked)).map(([name, value]) => `${name}: ${value}`)
    inner.write(`GET ${asked.url} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`)
    inner.write(head)
    inner.pipe(socket).pipe(inner)
  })
  return site
}

test('a proxy that changes the host costs a page of our own nothing but a moment', async ({ openPage }) => {
  await using place = await startPlace()
  const taken: unknown[] = []
  place.hub.on('message', ({ data }) => void taken.push(data))
  const proxy = await startProxy(place.site.port)
  const page = await openLine(await openPage(), proxy.url)
  await page.evaluate(() => line.send('hello'))
  expect(taken).toEqual(['hello'])
  // Its session says where it comes from, also over WebSocket.
  await page.waitFor(() => line.transport === 'websocket')
  await page.evaluate(() => line.send('again'))
  expect(taken).toEqual(['hello', 'again'])
  await proxy.close()
})

for (const transport of ['websocket', 'eventsource', 'xhr-streaming', 'long-polling', 'jsonp'])
  test(`the words of a refusal reach a page over ${transport}`, async ({ openPage }) => {
    await using place = await startPlace({
      authorize: () => Promise.reject({ status: 403, message: 'this room is for members' }),
    })
    const page = await beginLine(await openPage(), place.url, { transports: [transport] })
    await page.waitFor(() => line.readyState === 2)
    const errors = await page.evaluate(() => heard.filter(({ type }) => type === 'error'))
    expect(errors).toHaveLength(1)
    expect(errors[0]?.message).toContain('403')
    expect(errors[0]?.message).toContain('this room is for members')
  })
