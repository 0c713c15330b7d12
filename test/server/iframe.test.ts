import { JSDOM } from 'jsdom'
import { expect, it } from 'vitest'
import { address, ask, listen, parse, stand } from './harness.ts'

const frame = { 'rt.via': 'iframe' }

/** Runs the page as a browser does, in a page around it that writes down what it is handed, and for whom. */
function run(html: string): { said: unknown[][]; scripts: number } {
  const said: unknown[][] = []
  const { window } = new JSDOM(html, {
    url: 'https://own.test/live',
    runScripts: 'dangerously',
    beforeParse: page =>
      Object.defineProperty(page, 'parent', {
        value: { postMessage: (...told: unknown[]) => said.push(told) },
      }),
  })
  return { said, scripts: window.document.scripts.length }
}

it('hands each piece to the page around it, to nobody of another origin, and leaves no script', async () => {
  const at = await stand()
  const ear = listen(at, 'iframe')
  await ear.opened()
  await at.hub.publish('x', '<!--</script>\u2028"\\')
  await ear.next('message')
  ear.close()
  const { said, scripts } = run(ear.frames.join(''))
  expect(said[0]).toEqual(['', 'https://own.test'])
  expect(new Set(said.map(([, origin]) => origin))).toEqual(new Set(['https://own.test']))
  const blocks = parse(said.map(([text]) => text).join(''))
  expect(blocks.map(({ event, data }) => event ?? data)).toEqual(['rt.open', '<!--</script>\u2028"\\'])
  expect(scripts).toBe(0)
})

it('hands them to the listed origin that asks', async () => {
  const at = await stand({ origins: ['https://other.test'] })
  const ear = listen(at, 'iframe', {}, { referer: 'https://other.test/page' })
  await ear.opened()
  const { said } = run(ear.frames.join(''))
  expect(new Set(said.map(([, origin]) => origin))).toEqual(new Set(['https://other.test']))
})

it.each([
  [{ referer: 'https://other.test/page' }, 'https://other.test'],
  [{ origin: 'app://other.test' }, 'app://other.test'],
  [{ origin: "https://other.test; script-src 'unsafe-inline'" }, "'self'"],
  [{}, "'self'"],
])('stands only in the page that asks: %j', async (headers, around) => {
  const at = await stand({ origins: () => true, authorize: () => undefined })
  const answer = await ask(address(at, frame), { headers: headers as Record<string, string> })
  expect(`${answer.headers['content-security-policy']}`.split('; ').slice(3)).toEqual([
    `frame-ancestors ${around}`,
  ])
})

it('lets nothing run but what it has written itself', async () => {
  const { headers } = await ask(address(await stand({ authorize: () => undefined }), frame))
  const policy = `${headers['content-security-policy']}`
  expect(policy).toMatch(
    /^default-src 'none'; base-uri 'none'; script-src 'nonce-[\w-]{20,}'; frame-ancestors 'self'$/,
  )
  expect(headers['x-content-type-options']).toBe('nosniff')
})

it.each([
  [403, 403],
  [503, 503],
  // Of 204 no browser makes a page.
  [204, 200],
])('says in a block that it answers %i', async (status, shown) => {
  const at = await stand({
    authorize: () => {
      throw { status, message: 'no', retryAfter: 7 }
    },
  })
  const answer = await ask(address(at, frame))
  expect(answer.status).toBe(shown)
  const { said } = run(answer.text)
  expect(parse(`${said[0]?.[0]}`)).toMatchObject([{ event: 'rt.fail' }])
  expect(JSON.parse(parse(`${said[0]?.[0]}`)[0]?.data ?? '')).toEqual({
    status,
    message: 'no',
    retryAfter: 7,
  })
})

it('tells its end in good order from a break', async () => {
  const at = await stand()
  const ear = listen(at, 'iframe')
  await ear.opened()
  await at.hub.close()
  await ear.closed
  expect(run(ear.frames.join('')).said.at(-1)?.[0]).toBeNull()
})

it('says so much at once that WebKit begins to run it', async () => {
  const at = await stand()
  const ear = listen(at, 'iframe')
  await ear.opened()
  expect((ear.frames[0] ?? '').indexOf('<script')).toBeGreaterThanOrEqual(512)
})

it('is refused when its name is, without a script', async () => {
  const at = await stand({ refuse: ['iframe'] })
  const answer = await ask(address(at, frame))
  expect(answer).toMatchObject({ status: 400, text: 'iframe is refused\n' })
  expect(answer.headers['content-type']).toMatch('text/plain')
})
