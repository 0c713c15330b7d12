import type { ServerResponse } from 'node:http'
import { createHub } from '../server/index.ts'
import { openLine, startPlace } from './fixtures/place.ts'
import { expect, test } from './fixtures/test.ts'

declare const loaded: boolean
declare const messages: () => { name: string; data: string; id: string }[]
declare const heard: { type: string; transport?: string; resumed?: boolean; reason?: string; kind?: string }[]
declare const line: {
  readonly readyState: number
  readonly transport: string | null
  send(data: unknown, options?: { event?: string; answer?: boolean }): Promise<unknown>
  close(): void
}

const transports = ['websocket', 'eventsource', 'xhr-streaming', 'long-polling', 'jsonp'] as const
const hangul = '안녕하세요, 세계 👋'

for (const transport of transports) {
  test.describe(transport, () => {
    test('opens, and hears messages and named events', async ({ openPage }) => {
      await using place = await startPlace()
      const page = await openLine(await openPage(), place.url, { transports: [transport], names: ['wakeup'] })
      await place.hub.publish('lobby', hangul)
      await place.hub.publish('lobby', 'time to get up', { event: 'wakeup' })
      await page.waitFor(() => messages().length === 2)
      expect(await page.evaluate(() => messages().map(({ name, data }) => ({ name, data })))).toEqual([
        { name: 'message', data: hangul },
        { name: 'wakeup', data: 'time to get up' },
      ])
      expect(await page.evaluate(() => line.transport)).toBe(transport)
    })

    test('hears more topics than any address can name, and sends', async ({ openPage }) => {
      await using place = await startPlace()
      place.hub.on('message', ({ data, reply }) => void reply(`heard ${data}`))
      const topic = Array.from({ length: 1_000 }, (_, number) => `company:${number} ${hangul}`)
      const page = await openLine(await openPage(), place.url, {
        transports: [transport],
        params: { topic },
      })
      await place.hub.publish(topic[0] as string, 'first')
      await place.hub.publish(topic[999] as string, 'last')
      await page.waitFor(() => messages().length === 2)
      await page.evaluate(() => line.send('hello'))
      await page.waitFor(() => messages().length === 3)
      expect(await page.evaluate(() => messages().map(({ data }) => data))).toEqual([
        'first',
        'last',
        'heard hello',
      ])
    })

    test('carries text exactly as it was published', async ({ openPage }) => {
      const texts = [
        '',
        ' ',
        'a\nb',
        'a\r\nb\rc',
        '\ufeffBOM',
        'nul\0nul',
        '\n\n',
        ': no comment',
        'back\\slash\r',
        '<!--</script>\u2028',
      ]
      await using place = await startPlace()
      const page = await openLine(await openPage(), place.url, { transports: [transport] })
      for (const text of texts) await place.hub.publish('lobby', text)
      await page.waitFor(count => messages().length === count, texts.length)
      expect(await page.evaluate(() => messages().map(({ data }) => data))).toEqual(texts)
    })

    test('sends, in order, and settles when the server has taken it', async ({ openPage }) => {
      await using place = await startPlace()
      const taken: unknown[] = []
      place.hub.on('message', ({ data, event, reply }) => {
        taken.push({ data, event })
        if (data === 'last') void reply('heard you')
      })
      const page = await openLine(await openPage(), place.url, { transports: [transport] })
      await page.evaluate(async text => {
        const sends = [line.send(text), line.send('named', { event: 'note' }), line.send({ to: 'ALL' })]
        await Promise.all(sends)
        await line.send('x'.repeat(20_000))
        await line.send('last')
      }, hangul)
      expect(taken).toEqual([
        { data: hangul, event: 'message' },
        { data: 'named', event: 'note' },
        { data: { to: 'ALL' }, event: 'message' },
        { data: 'x'.repeat(20_000), event: 'message' },
        { data: 'last', event: 'message' },
      ])
      await page.waitFor(() => messages().some(({ data }) => data === 'heard you'))
    })

    test('brings values as values and texts as texts, and the application’s answers', async ({
      openPage,
    }) => {
      await using place = await startPlace()
      place.hub.on('message', ({ data, answer }) => (answer ? { to: data } : undefined))
      const page = await openLine(await openPage(), place.url, { transports: [transport] })
      const text = '{"a":1}'
      for (const each of [{ a: [1, null] }, text]) await place.hub.publish('lobby', each)
      await page.waitFor(() => messages().length === 2)
      expect(await page.evaluate(() => messages().map(({ data }) => data as unknown))).toEqual([
        { a: [1, null] },
        text,
      ])
      const asked = await page.evaluate(
        async ([hangul, text]) => {
          const asked = [line.send({ a: hangul }, { answer: true }), line.send(text, { answer: true })]
          return [...(await Promise.all(asked)), (await line.send('no question')) === undefined]
        },
        [hangul, text],
      )
      expect(asked).toEqual([{ to: { a: hangul } }, { to: text }, true])
      await place.hub.publish('lobby', 'nothing else came')
      await page.waitFor(() => messages().length === 3)
    })

    test('continues after the last message when the server comes back', async ({ openPage }) => {
      await using place = await startPlace()
      const page = await openLine(await openPage(), place.url, { transports: [transport] })
      await place.hub.publish('lobby', 'before')
      await page.waitFor(() => messages().length === 1)
      await place.site.close()
      await page.waitFor(() => line.readyState === 0)
      await place.hub.publish('lobby', 'meanwhile')
      await place.restart()
      await page.waitFor(() => messages().length === 2)
      await place.hub.publish('lobby', 'after')
      await page.waitFor(() => messages().length === 3)
      expect(await page.evaluate(() => messages().map(({ data }) => data))).toEqual([
        'before',
        'meanwhile',
        'after',
      ])
      expect(await page.evaluate(() => heard.filter(({ type }) => type === 'open').at(-1)?.resumed)).toBe(
        true,
      )
    })

    for (const where of ['early', 'inside']) {
      test(`lets a page load that opens it ${where === 'early' ? 'meanwhile' : 'in a frame meanwhile'}`, async ({
        openPage,
      }) => {
        await using place = await startPlace()
        const image = new Promise<ServerResponse>(asked =>
          place.site.route('/slow', (_, response) => asked(response)),
        )
        const page = await openPage()
        const options = encodeURIComponent(JSON.stringify({ transports: [transport] }))
        const going = page.goto(`${place.url}/pages/slow.html?${where}=${options}`)
        await expect.poll(() => place.hub.stats().sessions).toBe(1)
        ;(await image).writeHead(404).end()
        await going
        await page.waitFor(() => loaded)
      })
    }

    test('leaves nothing behind when it is closed', async ({ openPage }) => {
      await using place = await startPlace()
      const page = await openLine(await openPage(), place.url, { transports: [transport] })
      await page.evaluate(() => line.close())
      expect(await page.evaluate(() => [line.readyState, heard.at(-1)?.type])).toEqual([2, 'close'])
      // A script on its way can't be called back by any browser: the server's held answer runs out.
      if (transport !== 'jsonp') await expect.poll(() => place.hub.stats().lines[transport]).toBe(0)
      expect(
        await page.evaluate(() => ({
          scripts: document.head.querySelectorAll('script[src*="rt."]').length,
          callbacks: Object.keys(window).filter(name => name.startsWith('_rt')),
        })),
      ).toEqual({ scripts: 0, callbacks: [] })
    })
  })
}

test('says what was lost when the server has begun anew', async ({ openPage }) => {
  await using place = await startPlace()
  const page = await openLine(await openPage(), place.url)
  await place.hub.publish('lobby', 'before')
  await page.waitFor(() => messages().length === 1)
  await place.site.close()
  await place.hub.close()
  place.hub = createHub()
  await place.hub.publish('lobby', 'first of the new life')
  await place.restart()
  await page.waitFor(() => messages().length === 2)
  expect(
    await page.evaluate(() => heard.filter(({ type }) => type === 'gap' || type === 'message')),
  ).toMatchObject([{ data: 'before' }, { type: 'gap', reason: 'epoch' }, { data: 'first of the new life' }])
})

// Which transport wins at first is decided by who is quicker, and on a busy machine that may be any of them. Which one the line comes
// to does not depend on that; test/race/race.test.ts shows that no time is lost on the way.
test('takes WebSocket when nothing is in the way', async ({ openPage }) => {
  await using place = await startPlace()
  const page = await openLine(await openPage(), place.url)
  await page.waitFor(() => line.transport === 'websocket')
})

test('falls to the next transport when one is refused', async ({ openPage }) => {
  await using place = await startPlace()
  place.hub.refuse(['websocket', 'eventsource', 'xhr-streaming'])
  const page = await openLine(await openPage(), place.url)
  await page.waitFor(() => line.transport === 'long-polling')
})
