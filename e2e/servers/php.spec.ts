/** The plain dialect with scripts that end, on PHP's own web server. */
import { startTcpProxy } from '../fixtures/tcp-proxy.ts'
import { expect, type TestPage, test } from '../fixtures/test.ts'
import { openForeign } from './foreign-line.ts'
import { missingPhp, startPhp } from './php.ts'

// What the page's own script, pages/line.html, puts into the page.
declare const line: { readonly lastEventId: string; send(data: unknown): Promise<void>; close(): void }
declare const heard: { type: string; kind: string }[]
declare const messages: () => { data: string; id: string }[]

const channels = ['eventsource', 'xhr-streaming', 'long-polling'] as const

for (const channel of channels) {
  test.describe(`over ${channel}`, () => {
    test.skip(
      ({ browserName }) => browserName !== 'chromium' && channel !== 'eventsource',
      'the engines differ only in an EventSource of their own',
    )
    test('a chat between two mailboxes', async ({ openPage }) => {
      await using place = await openPlace()
      const [alice, bob] = [await openPage(), await openPage()]
      await openForeign(alice, place.line(channel, '/chat.php?me=alice'))
      await openForeign(bob, place.line(channel, '/chat.php?me=bob'))
      for (const text of ['hello', '안녕 👋', 'two\nlines']) {
        await alice.evaluate(text => line.send({ to: 'bob', text }), text)
        await bob.evaluate(text => line.send({ to: 'alice', text: `${text} to you too` }), text)
      }
      await expectTexts(bob, ['hello', '안녕 👋', 'two\nlines'])
      await expectTexts(alice, ['hello to you too', '안녕 👋 to you too', 'two\nlines to you too'])
    })

    test('a message to somebody who is away waits', async ({ openPage }) => {
      await using place = await openPlace()
      const page = await openPage()
      await place.put('bob', 'one')
      await place.put('bob', 'two')
      await openForeign(page, place.line(channel, '/status.php?me=bob'))
      await expectTexts(page, ['one', 'two'])
      const lastEventId = await page.evaluate(() => {
        line.close()
        return line.lastEventId
      })
      await place.put('bob', 'three')
      // A new EventSource cannot be told where to go on, so the next transport is taken.
      const options = { transports: [channel, 'xhr-streaming'], lastEventId }
      await openForeign(page, { ...place.line(channel, '/status.php?me=bob'), options })
      await expectTexts(page, ['three'])
    })

    test('each message once from a script that replays them all', async ({ openPage }) => {
      await using place = await openPlace()
      const page = await openPage()
      const texts: string[] = []
      await openForeign(page, place.line(channel, '/replay.php?me=bob'))
      for (let round = 1; round <= 3; round++) {
        for (const part of ['a', 'b', 'b']) {
          texts.push(`${round}${part}`)
          await place.put('bob', texts.at(-1) as string)
        }
        const turns = await opened(page)
        await page.waitFor(least => heard.filter(({ type }) => type === 'open').length >= least, turns + 3)
      }
      await expectTexts(page, texts)
    })

    test('comet answers as a mailbox changes, also twice within a second', async ({ openPage }) => {
      await using place = await openPlace()
      const page = await openPage()
      await openForeign(page, place.line(channel, '/comet.php?me=bob'))
      const texts: string[] = []
      for (let count = 1; count <= 6; count++) {
        texts.push(`message ${count}`)
        await place.put('bob', texts.at(-1) as string)
        await expectTexts(page, texts)
      }
      expect(
        await page.evaluate(() => heard.filter(({ type, kind }) => type === 'error' && kind !== 'ended')),
      ).toEqual([])
    })

    test('goes on where PHP was not there for a while', async ({ openPage }) => {
      await using place = await openPlace()
      const page = await openPage()
      const proxy = await startTcpProxy(Number(new URL(place.site).port))
      await openForeign(page, {
        ...place.line(channel, '/comet.php?me=bob'),
        site: `http://127.0.0.1:${proxy.port}`,
      })
      await place.put('bob', 'before')
      await expectTexts(page, ['before'])
      await proxy.refuse(true)
      proxy.cut('rst')
      for (const text of ['while', 'it was', 'away']) await place.put('bob', text)
      await page.waitFor(() => heard.at(-1)?.type === 'error')
      await proxy.refuse(false)
      await expectTexts(page, ['before', 'while', 'it was', 'away'])
      await proxy.close()
    })
  })
}

async function openPlace() {
  const reason = missingPhp()
  test.skip(reason !== undefined, reason)
  const { url, close } = await startPhp()
  return {
    site: url,
    line: (channel: string, path: string) => ({ site: url, url: path, options: { transports: [channel] } }),
    /** As somebody else's page does it. */
    async put(to: string, text: string) {
      const answer = await fetch(`${url}/messages.php`, {
        method: 'POST',
        body: JSON.stringify({ to, text }),
      })
      expect(answer.status).toBe(204)
    },
    [Symbol.asyncDispose]: close,
  }
}

function opened(page: TestPage): Promise<number> {
  return page.evaluate(() => heard.filter(({ type }) => type === 'open').length)
}

async function expectTexts(page: TestPage, texts: readonly string[]): Promise<void> {
  await page.waitFor(count => messages().length >= count, texts.length)
  expect(await page.evaluate(() => messages().map(({ data }) => JSON.parse(data).text))).toEqual(texts)
}
