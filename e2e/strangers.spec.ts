import type { Finding } from '../src/index.ts'
import { explain } from '../src/report.ts'
import { startPlace } from './fixtures/place.ts'
import { startSite } from './fixtures/site.ts'
import { expect, test } from './fixtures/test.ts'

declare const called: unknown[]
declare const begin: (url: string, options: object) => void
declare const heard: { message?: string }[]
declare const line: {
  readonly readyState: number
  report(): Finding[]
  send(data: unknown): Promise<void>
}

test('a page of another site that hides its referrer hears nothing, sends nothing and begins no session', async ({
  openPage,
}) => {
  await using place = await startPlace()
  const refused: string[] = []
  place.hub.on('refused', ({ status, via }) => void refused.push(`${status} ${via}`))
  let begun = 0
  place.hub.on('open', () => void begun++)
  const stranger = await startSite()
  const at = place.url.replace('127.0.0.1', 'localhost')
  const page = await openPage()
  await page.goto(`${stranger.url}/pages/blank.html`)
  await page.evaluate(live => {
    const heard: unknown[] = []
    Object.assign(window, { called: heard, _rta: (text: unknown) => heard.push(text) })
    const add = (name: string, src: string) =>
      document.body.append(
        Object.assign(document.createElement(name), { referrerPolicy: 'no-referrer', src }),
      )
    add('script', `${live}?topic=x&rt.via=jsonp&rt.n=0&rt.cb=_rta`)
    add('img', `${live}?topic=x`)
    add('img', `${live}?topic=x&rt.via=long-polling&rt.n=0`)
    add('iframe', `${live}?topic=x&rt.via=iframe`)
  }, `${at}/live`)
  await expect
    .poll(() => [...refused].sort())
    .toEqual(['403 bare', '403 iframe', '403 jsonp', '403 long-polling'])
  await page.waitFor(() => called.length === 1)
  expect(await page.evaluate(() => called)).toEqual([expect.stringContaining('"status":403')])
  expect(begun).toBe(0)
  await stranger.close()
})

test('a listed page that hides its referrer uses JSONP, if it asks for that, all the same', async ({
  openPage,
}) => {
  await using place = await startPlace({ origins: () => true })
  const taken: unknown[] = []
  place.hub.on('message', ({ data }) => void taken.push(data))
  place.site.server.prependListener('request', (_, response) =>
    response.setHeader('Referrer-Policy', 'no-referrer'),
  )
  const page = await openPage()
  await page.goto(`${place.url}/pages/line.html`)
  const elsewhere = `${place.url.replace('127.0.0.1', 'localhost')}/live?topic=lobby`
  await page.evaluate(url => begin(url, { transports: ['jsonp'] }), elsewhere)
  await page.waitFor(() =>
    heard.some(({ message }) => message?.includes("which jsonp: 'cross-origin' allows")),
  )
  const [found] = explain(await page.evaluate(() => line.report()))
  expect(found?.verdict).toMatch(/would run scripts of http:\/\/localhost/)
  await page.evaluate(url => begin(url, { transports: ['jsonp'], jsonp: 'cross-origin' }), elsewhere)
  await page.waitFor(() => line.readyState === 1)
  await page.evaluate(() => line.send('hello'))
  expect(taken).toEqual(['hello'])
})
