/** The rooms of the demo, as people use them. */
import { readdirSync } from 'node:fs'
import { type Demo, startDemo } from '../demo/demo.ts'
import { violations } from './fixtures/axe.ts'
import { test as base, expect, type TestPage } from './fixtures/test.ts'

interface DemoFixtures {
  demo: Demo
  /** Opens a page of one's own and joins there. */
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
      await page.goto(`${demo.url}/rooms.html?name=${encodeURIComponent(name)}`)
      await page.waitFor(() => document.querySelector('#join:enabled') !== null)
      await page.click('#join')
      await isIn(page, 'hall')
      return page
    })
  },
})

test('two people see each other come, write, say something and leave', async ({ join }) => {
  const ada = await join('Ada')
  await seesPeople(ada, ['Ada'])
  const sejong = await join('세종')
  for (const page of [ada, sejong]) await seesPeople(page, ['Ada', '세종'])
  await hears(ada, '세종 has come in.')

  await type(sejong, '나랏말싸미')
  await ada.waitFor(() => document.getElementById('typing')?.textContent === '세종 is typing …')
  await say(sejong, '나랏말싸미 <b>듕귁에</b> & 달아')
  await hears(ada, '나랏말싸미 <b>듕귁에</b> & 달아')
  expect(await ada.text('#typing')).toBe('')
  await isTicked(sejong, '나랏말싸미', 'taken')

  await sejong.click('#out')
  await seesPeople(ada, ['Ada'])
  await hears(ada, '세종 has left.')
})

test('who goes from the page is seen to leave, and who loads it anew is still in', async ({ demo, join }) => {
  const [ada, sejong] = [await join('Ada'), await join('세종')]
  await sejong.goto(`${demo.url}/rooms.html`)
  await isIn(sejong, 'hall')
  await say(sejong, 'still here')
  await hears(ada, 'still here')
  expect(await sejong.text('#me-name')).toBe('세종')
  await sejong.click('#leave')
  await hears(ada, '세종 has left.')
  await seesPeople(ada, ['Ada'])
})

test('a room begins with what was said last, and reads back to where it began', async ({ join }) => {
  const decisions = readdirSync(new URL('../docs/decisions', import.meta.url)).filter(name =>
    name.endsWith('.md'),
  ).length
  const ada = await join('Ada')
  await enter(ada, 'library')
  const rows = () => document.querySelectorAll('#conversation .message').length
  await ada.waitFor(() => document.querySelectorAll('#conversation .message').length === 20)
  for (let shown = 20; shown < decisions; ) {
    await ada.click('#conversation button')
    await ada.waitFor(before => document.querySelectorAll('#conversation .message').length > before, shown)
    shown = await ada.evaluate(rows)
  }
  await hears(ada, 'Here the room begins.')
  const ids = await ada.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('#conversation .message')].map(({ dataset }) => dataset.id),
  )
  expect(ids).toHaveLength(decisions)
  expect(new Set(ids).size).toBe(decisions)
})

test('what was said before one came is there on entering, once', async ({ join }) => {
  const ada = await join('Ada')
  for (const text of ['one', 'two', 'three']) await say(ada, text)
  await isTicked(ada, 'three', 'taken')
  const sejong = await join('세종')
  await hears(sejong, 'three')
  await say(ada, 'four')
  await hears(sejong, 'four')
  expect(await texts(sejong)).toEqual(['one', 'two', 'three', 'four'])
})

test('a room that lets nobody in says so in its own words, and the others go on', async ({ join }) => {
  const [ada, sejong] = [await join('Ada'), await join('세종')]
  await enter(ada, 'engine')
  await ada.waitFor(() => document.querySelector('#conversation [data-tone="bad"]') !== null)
  expect(await ada.text('#conversation [data-tone="bad"]')).toBe('The engine room is for the crew only.')
  expect(await ada.evaluate(() => document.querySelector<HTMLInputElement>('#text')?.disabled)).toBe(true)
  await say(sejong, 'are you there?')
  await ada.waitFor(() => document.querySelector('[data-room="room:hall"] .unread')?.textContent === '1 new')
})

test('a message that the server refuses says why, and the next one is taken', async ({ join }) => {
  const ada = await join('Ada')
  await enter(ada, 'quiet')
  await isIn(ada, 'quiet')
  await say(ada, 'This is far too long for a room as quiet as this one')
  await isTicked(ada, 'This is far', 'refused')
  expect(await ada.text('#conversation .failed .fate')).toBe(
    'Quiet room: a message has at most 40 characters, and this one has 52.',
  )
  await say(ada, '짧게')
  await isTicked(ada, '짧게', 'taken')
})

test('rooms are entered and left while the line stays the same, and those that are left are not heard', async ({
  join,
}) => {
  const [ada, sejong] = [await join('Ada'), await join('세종')]
  for (const page of [ada, sejong]) {
    await enter(page, 'quiet')
    await isIn(page, 'quiet')
  }
  await seesPeople(ada, ['Ada', '세종'])
  await enter(sejong, 'hall')
  await say(sejong, 'in the hall')
  await ada.waitFor(() => document.querySelector('[data-room="room:hall"] .unread')?.textContent === '1 new')
  await enter(ada, 'hall')
  await hears(ada, 'in the hall')
  await ada.click('#out')
  await isIn(ada, 'quiet')
  await seesPeople(sejong, ['세종'])
  await say(sejong, 'and again')
  await isTicked(sejong, 'and again', 'taken')
  await enter(sejong, 'quiet')
  await say(sejong, 'shh')
  await hears(ada, 'shh')
  expect(await ada.text('[data-room="room:hall"]')).not.toContain('new')
  await enter(ada, 'hall')
  await hears(ada, 'and again')
})

test('the rooms go on as the line falls from transport to transport', async ({ join }) => {
  const [ada, sejong] = [await join('Ada'), await join('세종')]
  const fall = ['websocket', 'eventsource', 'xhr-streaming', 'long-polling'] as const
  const said: string[] = []
  for (const [at, next] of ['EventSource', 'XHR streaming', 'Long polling', 'JSONP'].entries()) {
    await ada.evaluate(setLab, { refuse: fall.slice(0, at + 1) })
    for (const page of [ada, sejong])
      await page.waitFor(name => document.getElementById('transport')?.textContent === name, next)
    for (const [page, other] of [
      [ada, sejong],
      [sejong, ada],
    ] as const) {
      const text = `${said.length + 1}, by ${next}`
      said.push(text)
      await say(page, text)
      await isTicked(page, text, 'taken')
      await hears(other, text)
    }
  }
  for (const page of [ada, sejong]) {
    await seesPeople(page, ['Ada', '세종'])
    expect(await texts(page)).toEqual(said)
  }
})

test('what is said while there is no line waits, and is taken once when there is one', async ({ join }) => {
  const [ada, sejong] = [await join('Ada'), await join('세종')]
  await ada.evaluate(setLab, {
    refuse: ['websocket', 'eventsource', 'xhr-streaming', 'long-polling', 'jsonp'],
  })
  for (const page of [ada, sejong])
    await page.waitFor(() => document.getElementById('line')?.dataset.state === 'waiting')
  await say(ada, '허공으로')
  await isTicked(ada, '허공으로', 'waiting')
  await ada.evaluate(setLab, { refuse: [] })
  await isTicked(ada, '허공으로', 'taken')
  await hears(sejong, '허공으로')
  for (const page of [ada, sejong]) expect(await texts(page)).toEqual(['허공으로'])
})

test('a name that somebody has is refused with the reason', async ({ demo, join, openPage }) => {
  await join('Ada')
  const other = await openPage()
  await other.goto(`${demo.url}/rooms.html?name=ada`)
  await other.waitFor(() => document.querySelector('#join:enabled') !== null)
  await other.click('#join')
  await other.waitFor(() =>
    document.getElementById('door-note')?.textContent?.includes('“Ada” is here already'),
  )
  expect(await other.evaluate(() => document.getElementById('room')?.hidden)).toBe(true)
})

// Colours do not depend on the size.
for (const [width, height, colorScheme] of [
  [360, 740, 'dark'],
  [844, 390, 'light'],
  [1280, 720, 'light'],
] as const) {
  test(`the rooms fit ${width} × ${height}, ${colorScheme}, and can be used by everybody`, async ({
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
      const [wide, high] = await page.evaluate(() => {
        const { scrollWidth, scrollHeight } = document.documentElement
        return [scrollWidth, scrollHeight]
      })
      // Only what is meant to scroll does.
      expect(wide, view).toBeLessThanOrEqual(width)
      expect(high, view).toBeLessThanOrEqual(height)
    }
    await page.goto(`${demo.url}/rooms.html?name=Ada`)
    await page.waitForSelector('#join:enabled')
    await isFine('the door')
    await page.click('#join')
    await page.waitForSelector('#send:enabled')
    await page.fill('#text', 'Good morning')
    await page.click('#send')
    await page.waitForSelector('#conversation .tick[data-state="taken"]')
    await isFine('a room')
    const room = await page.evaluate(() => document.querySelector('#conversation ol')?.clientHeight)
    expect(room).toBeGreaterThan(150)
    await page.click('[data-room="room:library"]')
    await page.waitForSelector('#conversation button')
    await isFine('a room with older messages')
    await page.click('[data-room="room:quiet"]')
    await page.waitForSelector('#send:enabled')
    await page.fill('#text', 'This is far too long for a room as quiet as this one')
    await page.click('#send')
    await page.waitForSelector('#conversation .failed')
    await isFine('a refused message')
    await page.click('[data-room="room:engine"]')
    await page.waitForSelector('#conversation [data-tone="bad"]')
    await isFine('a refused room')
    if (await page.isVisible('#views')) await page.click('#views [data-view="line"]')
    await isFine('people and line')
  })
}

async function enter(page: TestPage, room: string): Promise<void> {
  await page.click(`[data-room="room:${room}"]`)
}

async function isIn(page: TestPage, room: string): Promise<void> {
  await page.waitFor(
    room =>
      document.querySelector(`.here[aria-pressed="true"][data-room="room:${room}"]`) !== null &&
      document.querySelector('#send:enabled') !== null,
    room,
  )
}

/** As keys do it, and not as a driver does that sets the value alone. */
async function type(page: TestPage, text: string): Promise<void> {
  await page.fill('#text', text)
  await page.evaluate(() => document.getElementById('text')?.dispatchEvent(new Event('input')))
}

async function say(page: TestPage, text: string): Promise<void> {
  await page.fill('#text', text)
  await page.click('#send')
}

async function hears(page: TestPage, text: string): Promise<void> {
  await page.waitFor(text => document.getElementById('conversation')?.textContent?.includes(text), text)
}

/** What became of a message of one's own. */
async function isTicked(page: TestPage, text: string, state: string): Promise<void> {
  await page.waitFor(
    ({ text, state }) =>
      [...document.querySelectorAll('#conversation .mine')].some(
        row => row.textContent?.includes(text) && row.querySelector(`.tick[data-state="${state}"]`),
      ),
    { text, state },
  )
}

async function seesPeople(page: TestPage, names: string[]): Promise<void> {
  await page.waitFor(
    names =>
      [...document.querySelectorAll<HTMLElement>('#present li')]
        .map(({ dataset }) => dataset.person)
        .sort()
        .join() === [...names].sort().join(),
    names,
  )
}

/** The messages of the room that is shown, without their ticks. */
function texts(page: TestPage): Promise<string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll('#conversation .message .text')].map(
      ({ firstChild }) => firstChild?.textContent ?? '',
    ),
  )
}

function setLab(wish: { refuse: readonly string[] }): Promise<unknown> {
  const headers = { 'Content-Type': 'application/json' }
  return fetch('/lab', { method: 'POST', headers, body: JSON.stringify(wish) }).then(answer => answer.json())
}
