/** The chat and the network lab, as people use them. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type Demo, startDemo } from '../demo/demo.ts'
import { violations } from './fixtures/axe.ts'
import { test as base, expect, type TestPage } from './fixtures/test.ts'

interface DemoFixtures {
  demo: Demo
  /** Opens a page of one's own and logs in there. */
  join: (name: string) => Promise<TestPage>
}

const test = base.extend<DemoFixtures>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads from the pattern which fixtures are needed
  demo: async ({}, use) => {
    const demo = await startDemo()
    await use(demo)
    await demo.close()
  },

  join: async ({ demo, openPage }, use) => {
    await use(async name => {
      const page = await openPage()
      await page.goto(`${demo.url}/chat.html?name=${encodeURIComponent(name)}`)
      await enter(page)
      return page
    })
  },
})

test('what one says to everyone is heard by everyone, in Hangul too', async ({ join }) => {
  const [ada, sejong] = [await join('Ada'), await join('세종')]
  await say(ada, 'Everyone', 'Good morning, <b>all</b> & sundry')
  await hears(sejong, 'Good morning, <b>all</b> & sundry')
  await say(sejong, 'Everyone', '나랏말싸미 듕귁에 달아 👋')
  await hears(ada, '나랏말싸미 듕귁에 달아 👋')
  await keptItsPromise(ada)
  await keptItsPromise(sejong)
})

test('a private message reaches the one it is for, and nobody else', async ({ join }) => {
  const [ada, sejong, eve] = [await join('Ada'), await join('세종'), await join('Eve')]
  await ada.click('#people [data-person="세종"]')
  await ada.fill('#text', '비밀')
  await ada.click('#send')
  await hears(sejong, '비밀')
  expect(await sejong.text('#messages')).toContain('only you')
  expect(await ada.text('#messages')).toContain('only 세종')

  await say(ada, 'Everyone', 'and this is for all')
  await hears(eve, 'and this is for all')
  expect(await eve.text('#messages')).not.toContain('비밀')
})

test('a private message to somebody who is away waits until they come back', async ({ demo, join }) => {
  const [ada, sejong] = [await join('Ada'), await join('세종')]
  await sejong.click('#leave')
  await isSeen(ada, '세종', 'away')
  await say(ada, '세종', '첫 번째')
  await hears(ada, '세종 is away; the message waits.')
  await say(ada, '세종', 'the second')

  await enter(sejong)
  await hears(sejong, 'the second')
  expect(await sejong.text('#messages')).toMatch(
    /While you were away: 2 private messages.*첫 번째.*the second/s,
  )
  await isSeen(ada, '세종', 'here')
  await keptItsPromise(sejong)

  // A page that is loaded anew stays inside, and has heard nothing.
  await sejong.goto(`${demo.url}/chat.html?name=세종`)
  await isOpen(sejong)
  await say(sejong, 'Everyone', 'is there anything new?')
  await hears(sejong, 'is there anything new?')
  expect(await sejong.text('#messages')).not.toContain('첫 번째')
})

test('a message to a name that nobody has had is answered with 404', async ({ join }) => {
  const ada = await join('Ada')
  await say(ada, '아무개', 'Are you there?')
  await hears(ada, '404: Nobody called “아무개” is here, and nobody of that name has been.')
})

test('a name that somebody has is refused with the reason, and is free when they have left', async ({
  demo,
  join,
  openPage,
}) => {
  const ada = await join('Ada')
  const other = await openPage()
  await other.goto(`${demo.url}/chat.html?name=ada`)
  await other.waitFor(() => document.querySelector('#join:enabled') !== null)
  await other.click('#join')
  await other.waitFor(() =>
    document.getElementById('door-note')?.textContent?.includes('“Ada” is here already'),
  )
  await ada.click('#leave')
  await enter(other)
})

test('the line falls as transports are refused and climbs when they are not, and nothing is lost', async ({
  browserName,
  join,
}) => {
  const ada = await join('Ada')
  await isOver(ada, 'WebSocket')
  await ada.evaluate(setLab, { rate: 50 })
  await ada.click('#ladder [data-transport="websocket"] button')
  await isOver(ada, 'EventSource')
  await goesOnHearing(ada)
  await ada.evaluate(setLab, { refuse: ['websocket', 'eventsource', 'xhr-streaming'] })
  await isOver(ada, 'Long polling')
  await goesOnHearing(ada)
  await ada.evaluate(setLab, { refuse: ['websocket', 'eventsource', 'xhr-streaming', 'long-polling'] })
  await isOver(ada, 'JSONP')
  await goesOnHearing(ada)
  await say(ada, 'Everyone', '그래도 들린다')
  await hears(ada, '그래도 들린다')
  await ada.evaluate(setLab, { refuse: [] })
  await isOver(ada, 'WebSocket')
  await goesOnHearing(ada)

  // Firefox waits before it tries a WebSocket again that has failed; the next transport may be sooner then.
  const refused =
    browserName === 'firefox' ? /WebSocket\s+(Not let through|Called off)/ : /WebSocket\s+Not let through/
  expect(await ada.text('#attempts')).toMatch(refused)
  expect(await ada.text('#attempts')).toMatch(/answered with status 400, long-polling is refused/)
  await keptItsPromise(ada)
})

test('what is said while there is no line at all arrives when there is one again', async ({ join }) => {
  const [ada, sejong] = [await join('Ada'), await join('세종')]
  const all = ['websocket', 'eventsource', 'xhr-streaming', 'long-polling', 'jsonp']
  await ada.evaluate(setLab, { refuse: all })
  for (const page of [ada, sejong])
    await page.waitFor(() => document.getElementById('line')?.dataset.state === 'waiting')
  await say(ada, 'Everyone', 'into the void')
  await say(sejong, 'Ada', '허공으로')
  await ada.evaluate(setLab, { refuse: [] })
  for (const page of [ada, sejong]) await isOver(page, 'WebSocket')
  await hears(sejong, 'into the void')
  await hears(ada, '허공으로')
  for (const page of [ada, sejong]) await keptItsPromise(page)
})

for (const button of ['#cut', '#restart']) {
  test(`a line goes on where it was after ${button}`, async ({ join }) => {
    const ada = await join('Ada')
    await ada.evaluate(setLab, { rate: 50 })
    await goesOnHearing(ada)
    const opened = await ada.evaluate(() => document.querySelectorAll('#attempts tr').length)
    await ada.click(button)
    await ada.waitFor(before => document.querySelectorAll('#attempts tr').length > before, opened)
    await isOver(ada, 'WebSocket')
    await say(ada, 'Everyone', '다시 만나')
    await hears(ada, '다시 만나')
    await goesOnHearing(ada)
    await keptItsPromise(ada)
  })
}

for (const [server, name, transport] of [
  ['socketio', 'Socket.IO', 'long-polling'],
  ['nchan', 'Nchan', 'xhr-streaming'],
] as const) {
  test(`the rooms are the same by way of ${name}, and a line there goes on after a cut`, async ({
    demo,
    join,
  }) => {
    const { servers } = await (await fetch(`${demo.url}/lab`)).json()
    test.skip(!servers.includes(server), `${name} is not installed here`)
    const [ada, sejong] = [await join('Ada'), await join('세종')]
    await sejong.click(`#servers [value="${server}"]`)
    await say(sejong, 'Everyone', `모두에게, ${name}`)
    await hears(ada, `모두에게, ${name}`)
    await say(ada, '세종', 'only for you')
    await hears(sejong, 'only for you')
    await say(sejong, '아무개', 'Are you there?')
    await hears(sejong, '404: Nobody called “아무개” is here')
    await sejong.evaluate(setLab, { rate: 50 })
    await goesOnHearing(sejong)
    await sejong.click('#cut')
    await goesOnHearing(sejong)
    const others = ['websocket', 'eventsource', 'xhr-streaming', 'long-polling', 'jsonp']
    await sejong.evaluate(setLab, { refuse: others.filter(each => each !== transport) })
    await isOver(sejong, transport === 'long-polling' ? 'Long polling' : 'XHR streaming')
    await goesOnHearing(sejong)
    await say(sejong, 'Ada', '아직 여기')
    await hears(ada, '아직 여기')
    await keptItsPromise(sejong)
  })
}

test('a line moves before anybody has come in', async ({ demo, openPage }) => {
  const page = await openPage()
  await page.goto(`${demo.url}/chat.html`)
  await page.waitFor(() => document.querySelectorAll('#marks li').length >= 2)
  // On a busy machine another transport may be the first.
  await expect.poll(() => page.text('#beat')).toMatch(/^Message \d+, by WebSocket$/)
})

test('a page that is loaded anew is still inside, under the same name', async ({ demo, join }) => {
  const [ada, sejong] = [await join('Ada'), await join('세종')]
  await ada.goto(`${demo.url}/chat.html`)
  await isOpen(ada)
  await say(ada, 'Everyone', 'still here')
  await hears(sejong, 'still here')
  expect(await ada.text('#me-name')).toBe('Ada')
  expect(await sejong.text('#messages')).toContain('Ada')
  await ada.click('#leave')
  await ada.goto(`${demo.url}/chat.html`)
  expect(await ada.evaluate(() => document.getElementById('room')?.hidden)).toBe(true)
})

for (const [width, height] of [
  [390, 844],
  [844, 390],
  [1280, 720],
] as const) {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(`every view fits ${width} × ${height}, ${colorScheme}, and can be used by everybody`, async ({
      browser,
      browserName,
      demo,
    }) => {
      test.skip(browserName !== 'chromium', 'layout and names are the same in every engine')
      // The page lets no foreign script in, such as the checker.
      const options = { viewport: { width, height }, colorScheme, bypassCSP: true }
      await using context = await browser.newContext(options)
      const page = await context.newPage()
      const isFine = async (view: string) => {
        expect(await violations(page), view).toEqual([])
        const wide = await page.evaluate(() => document.documentElement.scrollWidth)
        expect(wide, view).toBeLessThanOrEqual(width)
      }
      await page.goto(`${demo.url}/chat.html`)
      await page.waitForFunction(() => document.querySelector('#marks li'))
      await isFine('the door')
      await page.fill('#name', 'Ada')
      await page.click('#join')
      await page.waitForFunction(() => document.getElementById('line')?.dataset.state === 'open')
      await page.fill('#text', 'Good morning')
      await page.click('#send')
      await page.waitForSelector('#messages .mine:not(.pending)')
      await isFine('the chat')
      const room = await page.evaluate(() => document.getElementById('messages')?.clientHeight)
      expect(room).toBeGreaterThan(150)
      const views = await page.isVisible('#views')
      if (views) await page.click('[data-view="line"]')
      await isFine('the lab')
      // Only what is meant to scroll does: the page itself has nothing below.
      expect(await page.evaluate(() => document.documentElement.scrollHeight)).toBeLessThanOrEqual(height)
      for (const control of ['#cut', '#ladder li:last-child', '#servers', '#rates']) {
        const box = await page.locator(control).boundingBox()
        if (!views) expect((box?.y ?? 0) + (box?.height ?? 0), control).toBeLessThanOrEqual(height)
      }
      await page.click('.side .links [href="/diagnose.html"]')
      await page.waitForSelector('#again:enabled')
      await isFine('the diagnosis')
    })
  }
}

test('the check of the promise can fail', async ({ demo, openPage }) => {
  const page = await openPage()
  await page.goto(`${demo.url}/chat.html`)
  const counts = await page.evaluate(async () => {
    const { createTally } = await import(`${location.origin}/tally.js`)
    const tally = createTally()
    const news = [5, 6, 8, 8, 7, 10].map(n => tally.take('lobby', n))
    tally.reached('lobby', 12)
    return { ...tally.counts, news }
  })
  const news = [true, true, true, false, true, true]
  expect(counts).toEqual({ received: 6, missing: 3, duplicates: 1, unordered: 1, news })
})

test('the program says where it listens, and ends when it is told to', async () => {
  const program = fileURLToPath(new URL('../demo/server.ts', import.meta.url))
  const child = spawn(process.execPath, ['--import', 'tsx', program], { env: { ...process.env, PORT: '0' } })
  const [, url = ''] = /^Throughline demo: (http:\S+)/.exec(await firstWords(child)) ?? []
  const stream = await fetch(`${url}live?name=curl`)
  expect(stream.headers.get('content-type')).toContain('text/event-stream')
  expect(await (await fetch(`${url}throughline.js`)).text()).toContain('Throughline')
  expect((await fetch(`${url}../package.json`)).status).toBe(404)
  child.kill('SIGTERM')
  expect(await once(child, 'exit')).toEqual([0, null])
})

async function enter(page: TestPage): Promise<void> {
  await page.waitFor(() => document.querySelector('#join:enabled') !== null)
  await page.click('#join')
  await isOpen(page)
}

async function isOpen(page: TestPage): Promise<void> {
  await page.waitFor(() => document.getElementById('line')?.dataset.state === 'open')
}

async function say(page: TestPage, to: string, text: string): Promise<void> {
  await page.fill('#to', to)
  await page.fill('#text', text)
  await page.click('#send')
}

/** Arrived, and not just on its way. */
async function hears(page: TestPage, text: string): Promise<void> {
  await page.waitFor(
    text =>
      [...document.querySelectorAll('#messages > :not(.pending)')].some(row =>
        row.textContent?.includes(text),
      ),
    text,
  )
}

async function isSeen(page: TestPage, name: string, how: string): Promise<void> {
  await page.waitFor(
    ({ name, how }) => document.querySelector(`#people .${how}[data-person="${name}"]`) !== null,
    {
      name,
      how,
    },
  )
}

/** Waits for the line to be over this transport, and asks it to hurry as a person would. */
async function isOver(page: TestPage, transport: string): Promise<void> {
  await page.waitFor(name => {
    const hurry = document.getElementById('hurry')
    if (document.getElementById('transport')?.textContent === name) return true
    if (hurry?.hidden === false) hurry.click()
    return false
  }, transport)
}

async function goesOnHearing(page: TestPage): Promise<void> {
  const received = () => Number(document.getElementById('received')?.textContent?.replaceAll(',', ''))
  const before = await page.evaluate(received)
  await page.waitFor(
    before => Number(document.getElementById('received')?.textContent?.replaceAll(',', '')) > before + 10,
    before,
  )
}

/** The page counts for itself what the server numbers. */
async function keptItsPromise(page: TestPage): Promise<void> {
  await page.waitFor(() => document.getElementById('verdict')?.dataset.tone !== 'quiet')
  const counts = await page.text('.counters')
  expect(await page.text('#verdict'), counts).toMatch(/arrived in order, each once/)
}

function setLab(wish: { refuse?: string[]; rate?: number }): Promise<unknown> {
  const headers = { 'Content-Type': 'application/json' }
  return fetch('/lab', { method: 'POST', headers, body: JSON.stringify(wish) }).then(answer => answer.json())
}

async function firstWords({ stdout }: ChildProcess): Promise<string> {
  for await (const chunk of stdout ?? []) return String(chunk)
  return ''
}
