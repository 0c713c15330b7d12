/** The transports that are not in the default bundle: over our own server, and over such as others have written. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { serveEntries, serveFile, servePushes } from './fixtures/old-server.ts'
import { startPlace } from './fixtures/place.ts'
import { startSite } from './fixtures/site.ts'
import { expect, type TestPage, test } from './fixtures/test.ts'
import { missing, type Program, startProgram } from './network/programs.ts'

// What the page's own script, pages/more-transports.html, puts into the page.
declare const begin: (url: string, options: object) => void
declare const messages: () => { name: string; data: string; id: string }[]
declare const heard: {
  type: string
  transport?: string
  resumed?: boolean
  kind?: string
  status?: number
  retryIn?: number
}[]
declare const line: {
  readonly readyState: number
  readonly transport: string | null
  send(data: unknown, options?: { event?: string }): Promise<void>
  close(): void
}

const hangul = '안녕하세요, 세계 👋'

for (const channel of ['fetch-streaming', 'iframe'] as const) {
  test.describe(`${channel}, from our own server`, () => {
    test('opens, proves itself, and hears messages and named events exactly as published', async ({
      openPage,
    }) => {
      const texts = [
        hangul,
        '',
        'a\r\nb\rc',
        '\ufeffBOM',
        'nul\0nul',
        '\n\n',
        '<!--</script>\u2028',
        'x'.repeat(100_000),
      ]
      await using place = await startPlace()
      const page = await openLine(await openPage(), place.url, { channel: [channel], names: ['wakeup'] })
      for (const text of texts) await place.hub.publish('lobby', text)
      await place.hub.publish('lobby', 'time to get up', { event: 'wakeup' })
      await page.waitFor(count => messages().length === count, texts.length + 1)
      expect(await page.evaluate(() => messages().map(({ name, data }) => ({ name, data })))).toEqual([
        ...texts.map(data => ({ name: 'message', data })),
        { name: 'wakeup', data: 'time to get up' },
      ])
      expect(await page.evaluate(() => line.transport)).toBe(channel)
    })

    test('sends, in order, and settles when the server has taken it', async ({ openPage }) => {
      await using place = await startPlace()
      const taken: unknown[] = []
      place.hub.on('message', ({ data, reply }) => {
        taken.push(data)
        if (data === 'last') void reply('heard you')
      })
      const page = await openLine(await openPage(), place.url, { channel: [channel] })
      await page.evaluate(async text => {
        await Promise.all([line.send(text), line.send({ to: 'ALL' })])
        await line.send('last')
      }, hangul)
      expect(taken).toEqual([hangul, { to: 'ALL' }, 'last'])
      await page.waitFor(() => messages().some(({ data }) => data === 'heard you'))
    })

    test('continues after the last message when the server comes back', async ({ openPage }) => {
      // No browser tells that a frame was cut. It is asked for a sign of life when it has been silent for this twice, and 5 s.
      await using place = await startPlace({ heartbeat: 500 })
      const page = await openLine(await openPage(), place.url, { channel: [channel] })
      await place.hub.publish('lobby', 'before')
      await page.waitFor(() => messages().length === 1)
      await place.site.close()
      await page.waitFor(() => line.readyState === 0)
      await place.hub.publish('lobby', 'meanwhile')
      await place.restart()
      await page.waitFor(() => messages().length === 2)
      expect(await page.evaluate(() => messages().map(({ data }) => data))).toEqual(['before', 'meanwhile'])
      expect(await page.evaluate(() => heard.filter(({ type }) => type === 'open').at(-1)?.resumed)).toBe(
        true,
      )
    })

    test('leaves nothing behind when it is closed', async ({ openPage }) => {
      await using place = await startPlace()
      const page = await openLine(await openPage(), place.url, { channel: [channel] })
      await page.evaluate(() => line.close())
      await expect.poll(() => place.hub.stats().lines[channel]).toBe(0)
      expect(await page.evaluate(() => document.querySelectorAll('iframe').length)).toBe(0)
    })

    test('is told to come no more', async ({ openPage }) => {
      await using place = await startPlace({ authorize: () => undefined })
      const page = await beginLine(await openPage(), place.url, { channel: [channel] })
      await page.waitFor(() => line.readyState === 2)
      expect(await page.evaluate(() => heard)).toMatchObject([
        { type: 'error', status: 403 },
        { type: 'close' },
      ])
    })
  })
}

test.describe('iframe', () => {
  test('keeps no script of a thousand messages', async ({ openPage }) => {
    await using place = await startPlace()
    const page = await openLine(await openPage(), place.url, { channel: ['iframe'] })
    for (let count = 0; count < 1_000; count++) await place.hub.publish('lobby', `${count}`)
    await page.waitFor(() => messages().length === 1_000)
    expect(
      await page.evaluate(
        () => document.querySelector('iframe')?.contentDocument?.querySelectorAll('script').length,
      ),
    ).toBe(0)
  })

  test('that begins while its page loads does not keep it loading', async ({ openPage }) => {
    await using place = await startPlace()
    const page = await openPage()
    const early = encodeURIComponent(JSON.stringify({ channel: ['iframe'] }))
    await page.goto(`${place.url}/pages/more-transports.html?early=${early}`)
    await page.waitFor(() => line.readyState === 1)
    expect(await page.evaluate(() => document.readyState)).toBe('complete')
  })

  test('comes from another origin where both sides name each other', async ({ openPage }) => {
    await using site = await startOwnSite()
    await using place = await startPlace({ origins: [site.url] })
    const page = await openPage()
    await page.goto(`${site.url}/pages/more-transports.html`)
    await page.waitFor(() => typeof begin === 'function')
    await page.evaluate(url => begin(`${url}/live?topic=lobby`, { channel: ['iframe', url] }), place.url)
    await page.waitFor(() => line.readyState === 1)
    await place.hub.publish('lobby', hangul)
    await page.waitFor(() => messages().length === 1)
    await page.evaluate(() => line.send('up'))
  })

  test('does not come from one that the page does not name', async ({ openPage }) => {
    await using site = await startOwnSite()
    await using place = await startPlace({ origins: [site.url] })
    const page = await openPage()
    await page.goto(`${site.url}/pages/more-transports.html`)
    await page.waitFor(() => typeof begin === 'function')
    await page.evaluate(url => begin(`${url}/live?topic=lobby`, { channel: ['iframe'] }), place.url)
    await page.waitFor(() => line.readyState === 2)
    expect(await page.evaluate(() => heard)).toMatchObject([
      { type: 'error', kind: 'unsupported' },
      { type: 'close' },
    ])
  })

  test('is said nothing on a page that the server does not list', async ({ openPage }) => {
    await using site = await startOwnSite()
    await using place = await startPlace()
    const page = await openPage()
    await page.goto(`${site.url}/pages/more-transports.html`)
    await page.waitFor(() => typeof begin === 'function')
    await page.evaluate(url => begin(`${url}/live?topic=lobby`, { channel: ['iframe', url] }), place.url)
    await page.waitFor(() => heard.length > 0)
    expect(await page.evaluate(() => heard.filter(({ type }) => type !== 'error'))).toEqual([])
  })

  test('may be a script that anybody has written, around the plain dialect', async ({ openPage }) => {
    await using site = await startOwnSite()
    const source = servePushes(site, '/frame.php', 'text/html; charset=utf-8')
    const padding = `<!--${' '.repeat(512)}-->`
    const page = await openForeign(
      await openPage(),
      site.url,
      '/frame.php',
      ['iframe'],
      () => source.visitors === 1,
    )
    const say = (text: string) =>
      `<script>parent.postMessage(${JSON.stringify(text)}, location.origin)</script>\n`
    await source.push(
      `<!doctype html>${padding}`,
      say(''),
      say('id: 1\ndata: one\n\n'),
      say(`data: ${hangul}\n\n`),
    )
    await page.waitFor(() => messages().length === 2)
    expect(await page.evaluate(() => messages().map(({ data, id }) => [data, id]))).toEqual([
      ['one', '1'],
      [hangul, '1'],
    ])
  })
})

test.describe('fetch-streaming', () => {
  test('asks as the page says, and reads the answer as it comes', async ({ openPage }) => {
    await using site = await startOwnSite()
    const asked: unknown[] = []
    site.route('/answer', async (request, response) => {
      let body = ''
      for await (const chunk of request.setEncoding('utf8')) body += chunk
      asked.push([request.method, body])
      response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write(`data: you asked ${body}\n\n`)
    })
    const page = await openForeign(await openPage(), site.url, '/answer', [
      'fetch-streaming',
      { method: 'POST', body: hangul, priority: 'high' },
    ])
    await page.waitFor(() => messages().length === 1)
    expect(await page.evaluate(() => messages()[0]?.data)).toBe(`you asked ${hangul}`)
    expect(asked).toEqual([['POST', hangul]])
  })
})

test.describe('polling', () => {
  const often = { every: 50 }

  test('tells what a file holds whenever it is another, and asks for no more than that', async ({
    openPage,
  }) => {
    await using site = await startOwnSite()
    const file = serveFile(site, '/score.json', '{"home":0}')
    const page = await openForeign(await openPage(), site.url, '/score.json', ['polling', often])
    await expect.poll(() => file.visits.filter(({ status }) => status === 304).length).toBeGreaterThan(1)
    file.write('{"home":1}')
    await page.waitFor(() => messages().length === 2)
    await expect
      .poll(() => file.visits.filter(({ ifNoneMatch }) => ifNoneMatch === '"2"').length)
      .toBeGreaterThan(1)
    expect(await page.evaluate(() => messages().map(({ data }) => data))).toEqual([
      '{"home":0}',
      '{"home":1}',
    ])
    expect(file.visits.filter(({ status }) => status === 200)).toHaveLength(2)
    expect(await page.evaluate(() => heard.filter(({ type }) => type !== 'message'))).toMatchObject([
      { type: 'open', transport: 'polling' },
    ])
  })

  for (const form of ['blocks', 'json'] as const) {
    test(`carries the token that the last answer named, as ${form}`, async ({ openPage }) => {
      await using site = await startOwnSite()
      const script = serveEntries(site, '/news.php', form)
      script.add('one')
      const page = await openForeign(await openPage(), site.url, '/news.php', [
        'polling',
        { ...often, token: 'inputTime' },
      ])
      await page.waitFor(() => messages().length === 1)
      await expect.poll(() => script.visits.at(-1)?.query).toEqual({ inputTime: '1' })
      script.add('two')
      script.add(hangul)
      await page.waitFor(text => messages().at(-1)?.data.includes(text), hangul)
      await expect.poll(() => script.visits.at(-1)?.query).toEqual({ inputTime: '3' })
      expect(await page.evaluate(() => messages().map(({ data }) => data))).toEqual(
        form === 'blocks'
          ? ['one', 'two', hangul]
          : [`{"inputTime":1,"news":["one"]}`, `{"inputTime":3,"news":["two","${hangul}"]}`],
      )
    })
  }

  test('works with the script that docs/techniques.md shows', async ({ openPage }) => {
    const reason = missing(php)
    test.skip(reason !== undefined, reason)
    const news = await startProgram(php)
    try {
      await using site = await startOwnSite()
      site.route('/news.php', async ({ url = '' }, response) => {
        try {
          const answer = await askPhp(`${news.url}${url}`)
          const text = await answer.text()
          response
            .writeHead(answer.status, { 'Content-Type': answer.headers.get('Content-Type') ?? '' })
            .end(text)
        } catch {
          // The page asks on while the test ends, and PHP is gone then.
          response.destroy()
        }
      })
      const page = await openForeign(await openPage(), site.url, '/news.php', [
        'polling',
        { ...often, token: 'inputTime' },
      ])
      await page.waitFor(() => messages().length === 2)
      await askPhp(`${news.url}/?add=${encodeURIComponent(hangul)}`)
      await page.waitFor(() => messages().length === 3)
      expect(await page.evaluate(() => messages().map(({ data, id }) => [data, id]))).toEqual([
        ['one', '1'],
        ['two', '2'],
        [hangul, '3'],
      ])
    } finally {
      await news.close()
    }
  })

  test('goes on after an answer that failed', async ({ openPage }) => {
    await using site = await startOwnSite()
    const script = serveEntries(site, '/news.php', 'blocks')
    const page = await openForeign(
      await openPage(),
      site.url,
      '/news.php',
      ['polling', { ...often, token: 'inputTime' }],
      undefined,
      { retry: 50 },
    )
    script.add('one')
    await page.waitFor(() => messages().length === 1)
    script.breaks(true)
    await page.waitFor(() => line.readyState === 0)
    script.add('two')
    script.breaks(false)
    await page.waitFor(() => messages().length === 2)
    expect(await page.evaluate(() => messages().map(({ data }) => data))).toEqual(['one', 'two'])
  })
})

test.describe('multipart', () => {
  const utf8 = new TextEncoder()

  for (const type of ['multipart/x-mixed-replace', 'multipart/mixed']) {
    test(`${type}: each part is a message, however it is cut`, async ({ browserName, openPage }) => {
      const isItsOwn = browserName === 'webkit' && type === 'multipart/x-mixed-replace'
      test.skip(isItsOwn, 'WebKit takes the parts of this type for pages, and gives none of them to a script')
      await using site = await startOwnSite()
      const source = servePushes(site, '/push', `${type}; boundary="next part"`)
      const page = await openForeign(
        await openPage(),
        site.url,
        '/push',
        ['multipart'],
        () => source.visitors === 1,
      )
      const known = utf8.encode(hangul)
      const parts = [
        ...utf8.encode(
          `--next part\r\n\r\n${hangul}\r\n--next part\r\nContent-Length: ${known.length}\r\n\r\n`,
        ),
        ...known,
      ]
      const bytes = Uint8Array.from(parts)
      for (let at = 0; at < bytes.length; at += 7) await source.push(bytes.subarray(at, at + 7))
      // The second is whole by its length, without the boundary.
      await page.waitFor(() => messages().length === 2)
      await source.push(
        '\r\n--next part\r\nContent-Type: text/event-stream\r\n\r\nid: 5\nevent: wakeup\ndata: up\n\n\r\n--next part',
      )
      await page.waitFor(() => messages().length === 3)
      expect(await page.evaluate(() => messages().map(({ name, data, id }) => [name, data, id]))).toEqual([
        ['message', hangul, ''],
        ['message', hangul, ''],
        ['wakeup', 'up', '5'],
      ])
      expect(await page.evaluate(() => line.transport)).toBe('multipart')
      await page.evaluate(() => line.close())
      await expect.poll(() => source.visitors).toBe(0)
    })
  }
})

test('an event stream under its name of 2006 is one', async ({ openPage }) => {
  await using site = await startOwnSite()
  site.route('/opera', (_, response) => {
    response.writeHead(200, { 'Content-Type': 'application/x-dom-event-stream' }).write(`data: ${hangul}\n\n`)
  })
  const page = await openPage()
  await page.goto(`${site.url}/pages/more-transports.html`)
  await page.waitFor(() => typeof begin === 'function')
  await page.evaluate(() => begin('/opera', { dialect: 'plain', channel: ['fetch-streaming'] }))
  await page.waitFor(() => messages().length === 1)
  expect(await page.evaluate(() => messages()[0]?.data)).toBe(hangul)
})

/** PHP with the script of the documentation, beside a file of two lines that grows by what `add` says. */
const php: Program = {
  name: 'php-cli',
  path: '/usr/bin/php',
  configure(_, folder) {
    const page = readFileSync(new URL('../docs/techniques.md', import.meta.url), 'utf8')
    const [, script] = /```php\n(.*?)```/s.exec(page) ?? []
    writeFileSync(join(folder, 'news.txt'), 'one\ntwo\n')
    const add = `if (isset($_GET['add'])) file_put_contents('news.txt', $_GET['add'] . "\\n", FILE_APPEND);`
    return `<?php chdir(__DIR__); ${add} ?>${script}`
  },
  arguments: (file, folder, port) => ['-S', `127.0.0.1:${port}`, '-t', folder, file],
  isReady: port =>
    fetch(`http://127.0.0.1:${port}/`).then(
      response => response.ok,
      () => false,
    ),
}

/** PHP's own server closes a connection now and then without having read what it was asked. */
function askPhp(url: string, tries = 5): Promise<Response> {
  return fetch(url).catch(error => {
    if (tries === 1) throw error
    return askPhp(url, tries - 1)
  })
}

/** A site that goes with the test. */
async function startOwnSite() {
  const site = await startSite()
  return Object.assign(site, { [Symbol.asyncDispose]: site.close })
}

async function beginLine(page: TestPage, url: string, options: object): Promise<TestPage> {
  await page.goto(`${url}/pages/more-transports.html`)
  await page.waitFor(() => typeof begin === 'function')
  await page.evaluate(given => begin('/live?topic=lobby', given), options)
  return page
}

async function openLine(page: TestPage, url: string, options: object): Promise<TestPage> {
  await beginLine(page, url, options)
  await page.waitFor(() => line.readyState === 1)
  return page
}

/** A line to a server that knows nothing of us, which the server may have to see first. */
async function openForeign(
  page: TestPage,
  url: string,
  path: string,
  channel: unknown[],
  isThere = () => true,
  options: object = {},
): Promise<TestPage> {
  await page.goto(`${url}/pages/more-transports.html`)
  await page.waitFor(() => typeof begin === 'function')
  await page.evaluate(({ path, options }) => begin(path, options), {
    path,
    options: { dialect: 'plain', channel, names: ['wakeup'], ...options },
  })
  await expect.poll(isThere).toBe(true)
  return page
}
