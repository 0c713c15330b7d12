/** The programs of docs/guides do what their guides promise. */

import { startTcpProxy } from '../fixtures/tcp-proxy.ts'
import { expect, type TestPage, test } from '../fixtures/test.ts'
import { startGuide } from './guide.ts'

// What the pages' own scripts have.
declare const line: EventTarget & { close(): void }

test('chat: two people talk, see who is typing, and who comes later reads back', async ({ openPage }) => {
  await using guide = await startGuide('chat')
  const [ann, bob] = [await openPage(), await openPage()]
  await ann.goto(`${guide.url}/?name=Ann`)
  await bob.goto(`${guide.url}/?name=Bob`)
  for (const page of [ann, bob]) await showsIn(page, '#state', 'open')
  await ann.fill('input', 'h')
  await showsIn(bob, '#typing', 'Ann is typing')
  const said: string[] = []
  for (let count = 1; count <= 11; count++)
    for (const [page, name] of [
      [ann, 'Ann'],
      [bob, 'Bob'],
    ] as const) {
      await submit(page, 'form', { text: `message ${count}` })
      said.push(`${name}: message ${count}`)
      await shows(ann, '#messages', said)
    }
  await shows(bob, '#messages', said)
  const late = await openPage()
  await late.goto(`${guide.url}/?name=Cyd`)
  await shows(late, '#messages', said.slice(-20))
  await late.click('#older')
  await shows(late, '#messages', said)
  await late.waitFor(() => (document.querySelector('#older') as HTMLElement).hidden)
  await submit(late, 'form', { text: 'x'.repeat(1_001) })
  await showsIn(late, '#refusal', 'That is too long.')
  expect(await items(bob, '#messages')).toEqual(said)
  expect(guide.complaints()).toBe('')
})

test('live prices: they move, and after a cut the newest is the next that is heard', async ({ openPage }) => {
  await using guide = await startGuide('live-prices')
  const network = await startTcpProxy(Number(new URL(guide.url).port))
  const [steady, cut] = [await openPage(), await openPage()]
  await steady.goto(guide.url)
  await cut.goto(`http://127.0.0.1:${network.port}/`)
  for (const page of [steady, cut]) {
    await page.waitFor(() => document.querySelectorAll('[data-tick]').length === 100)
    await page.waitFor(() => !document.querySelector('.stale'))
  }
  const ticks = (page: TestPage) =>
    page.evaluate(() =>
      [...document.querySelectorAll<HTMLElement>('[data-tick]')].map(({ dataset }) => Number(dataset.tick)),
    )
  const atFirst = await ticks(cut)
  await cut.waitFor(
    before =>
      [...document.querySelectorAll<HTMLElement>('[data-tick]')].every(
        ({ dataset }, at) => Number(dataset.tick) > (before[at] as number),
      ),
    atFirst,
  )

  await network.refuse(true)
  network.cut('rst')
  await cut.waitFor(() => document.querySelector('.stale'))
  const heard = await cut.evaluate(() => {
    const heard: Record<string, number> = {}
    line.addEventListener('message', event => {
      const { topic, data } = event as MessageEvent & { topic: string }
      heard[topic] ??= data.tick
    })
    return Object.assign(window, { heard }).heard
  })
  expect(heard).toEqual({})
  const missed = Math.max(...(await ticks(cut)))
  // Some seconds of the market pass by, in which each price moves.
  await steady.waitFor(
    than =>
      [...document.querySelectorAll<HTMLElement>('[data-tick]')].every(
        ({ dataset }) => Number(dataset.tick) > than + 5,
      ),
    missed,
  )
  const known = await ticks(steady)
  await network.refuse(false)
  await cut.waitFor(() => Object.keys((window as unknown as { heard: object }).heard).length === 100)
  const first = await cut.evaluate(() =>
    Array.from(
      { length: 100 },
      (_, number) => (window as unknown as { heard: Record<string, number> }).heard[`price:S${number}`],
    ),
  )
  for (const [at, tick] of first.entries()) expect(tick).toBeGreaterThanOrEqual(known[at] as number)
  await cut.waitFor(() => !document.querySelector('.stale'))
  await network.close()
  expect(guide.complaints()).toBe('')
})

for (const [byAnn, byBob] of [
  ['cookie', 'token'],
  ['token', 'cookie'],
])
  test(`notifications: each hears their own, Ann by ${byAnn} and Bob by ${byBob}, and a logout ends it`, async ({
    openPage,
  }) => {
    await using guide = await startGuide('notifications')
    const [ann, bob] = [await openPage(), await openPage()]
    await ann.goto(`${guide.url}/?by=${byAnn}`)
    await bob.goto(`${guide.url}/?by=${byBob}`)
    await submit(ann, '#login', { name: 'ann', password: 'apple' })
    await submit(bob, '#login', { name: 'bob', password: 'banana' })
    await showsIn(ann, '#state', 'ann')
    await showsIn(bob, '#state', 'bob')

    await submit(bob, '#notify', { to: 'ann', text: 'for Ann alone' })
    await shows(ann, '#inbox', ['bob: for Ann alone'])
    await submit(ann, '#notify', { to: 'bob', text: 'for Bob alone' })
    await shows(bob, '#inbox', ['ann: for Bob alone'])

    await ann.click('#logout')
    await showsIn(ann, '#state', 'logged out')
    await submit(bob, '#notify', { to: 'ann', text: 'too late' })
    await submit(bob, '#notify', { to: 'bob', text: 'still here' })
    await shows(bob, '#inbox', ['ann: for Bob alone', 'bob: still here'])
    await shows(ann, '#inbox', ['bob: for Ann alone'])

    // What came meanwhile was kept.
    await submit(ann, '#login', { name: 'ann', password: 'apple' })
    await shows(ann, '#inbox', ['bob: for Ann alone', 'bob: too late'])
    expect(guide.complaints()).toBe('')
  })

test('notifications: nobody is let in without a login, nor from another origin', async () => {
  await using guide = await startGuide('notifications')
  const get = (headers: Record<string, string>) =>
    fetch(`${guide.url}/live?rt.via=long-polling&rt.n=0`, { headers }).then(({ status }) => status)
  const { headers } = await fetch(`${guide.url}/login`, {
    method: 'POST',
    body: JSON.stringify({ name: 'ann', password: 'apple' }),
  })
  const cookie = headers.get('set-cookie')?.split(';')[0] ?? ''
  expect(await get({})).toBe(401)
  expect(await get({ authorization: 'Bearer nonsense' })).toBe(401)
  expect(await get({ cookie })).toBe(200)
  expect(await get({ cookie, origin: 'https://app.example.com' })).toBe(200)
  expect(await get({ cookie, origin: 'https://evil.example.com' })).toBe(403)
})

test('notifications: a token that expires is renewed, and a logout elsewhere ends that line too', async ({
  openPage,
}) => {
  await using guide = await startGuide('notifications', { TOKEN_SECONDS: '4' })
  const page = await openPage()
  await page.goto(`${guide.url}/?by=token`)
  await submit(page, '#login', { name: 'ann', password: 'apple' })
  await page.waitFor(
    () => performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('/token')).length > 1,
  )
  await submit(page, '#notify', { to: 'ann', text: 'by a later token' })
  await shows(page, '#inbox', ['ann: by a later token'])
  await page.click('#logout')
  await showsIn(page, '#state', 'logged out')
  expect(guide.complaints()).toBe('')
})

test('presence: each person is there once, and is seen to come and go', async ({ openPage }) => {
  await using guide = await startGuide('presence')
  const [ann, second, bob] = [await openPage(), await openPage(), await openPage()]
  await ann.goto(`${guide.url}/?name=Ann&mood=hungry`)
  await shows(ann, '#people', ['Ann, hungry'])
  await second.goto(`${guide.url}/?name=Ann&mood=hungry`)
  await shows(second, '#people', ['Ann, hungry'])
  await bob.goto(`${guide.url}/?name=Bob`)
  for (const page of [ann, second, bob]) {
    await page.waitFor(() => document.querySelectorAll('#people li').length === 2)
    expect((await items(page, '#people')).sort()).toEqual(['Ann, hungry', 'Bob, as ever'])
  }
  await showsIn(bob, '#count', '2')
  // Not by going elsewhere: a browser may put the page aside for its "back" button, and then it is still there.
  for (const page of [second, bob]) await page.evaluate(() => line.close())
  await shows(ann, '#news', ['Bob has come', 'Bob has left'])
  await shows(ann, '#people', ['Ann, hungry'])
  const people = await fetch(`${guide.url}/people`).then(response => response.json())
  expect(people).toEqual([{ id: 'Ann', data: { mood: 'hungry' } }])
  expect(guide.complaints()).toBe('')
})

test('history: a page that comes back shows what it missed, and loads the list anew after too long', async ({
  openPage,
}) => {
  await using guide = await startGuide('history')
  const [reader, writer] = [await openPage(), await openPage()]
  await reader.goto(guide.url)
  await writer.goto(guide.url)
  await submit(writer, 'form', { text: 'one' })
  await shows(reader, '#news', ['one'])

  await reader.goto('about:blank')
  await tell(writer, ['two', 'three'])
  await reader.goto(guide.url)
  await shows(reader, '#news', ['one', 'two', 'three'])
  expect(await items(reader, '#news .new')).toEqual(['two', 'three'])
  expect(await reader.text('#state')).toBe('')

  await reader.goto('about:blank')
  const many = Array.from({ length: 8 }, (_, at) => `item ${at}`)
  await tell(writer, many)
  await reader.goto(guide.url)
  await shows(reader, '#news', ['one', 'two', 'three', ...many])
  await showsIn(reader, '#state', 'You were away for long: the list was loaded anew.')
  expect(guide.complaints()).toBe('')
})

/** One after the other, as each clears the field once it is told. */
async function tell(page: TestPage, news: readonly string[]): Promise<void> {
  for (const text of news) {
    await submit(page, 'form', { text })
    await page.waitFor(text => document.querySelector('#news')?.lastElementChild?.textContent === text, text)
    await page.waitFor(() => document.querySelector('input')?.value === '')
  }
}

/** Fills in the form and sends it, as a person does. */
async function submit(page: TestPage, form: string, values: Record<string, string>): Promise<void> {
  for (const [name, value] of Object.entries(values)) await page.fill(`${form} [name=${name}]`, value)
  await page.click(`${form} [type=submit]`)
}

async function shows(page: TestPage, list: string, texts: readonly string[]): Promise<void> {
  await expect.poll(() => items(page, list)).toEqual(texts)
}

async function showsIn(page: TestPage, selector: string, text: string): Promise<void> {
  await expect.poll(() => page.text(selector)).toBe(text)
}

/** The texts of a list, or of the elements that are meant. */
function items(page: TestPage, selector: string): Promise<(string | null)[]> {
  return page.evaluate(
    selector =>
      [...document.querySelectorAll(`${selector}:is(li), ${selector} > li`)].map(
        ({ textContent }) => textContent,
      ),
    selector,
  )
}
