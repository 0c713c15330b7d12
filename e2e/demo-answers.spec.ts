/** The answers of the demo, over a line and by a plain fetch, as people meet them. */
import { type Demo, startDemo } from '../demo/demo.ts'
import { type Pace, tokensFor } from '../demo/model.ts'
import { violations } from './fixtures/axe.ts'
import { test as base, expect, type TestPage } from './fixtures/test.ts'

interface DemoFixtures {
  valve: ReturnType<typeof createValve>
  demo: Demo
  /** Opens a page of one's own that is ready to ask. */
  visit: (hash?: string) => Promise<TestPage>
}

const test = base.extend<DemoFixtures>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads from the pattern which fixtures are needed
  valve: async ({}, use) => use(createValve()),

  demo: async ({ valve }, use) => {
    const demo = await startDemo({ pace: valve.pace })
    await use(demo)
    await demo.close()
  },

  visit: async ({ demo, openPage }, use) => {
    await use(async (hash = '') => {
      const page = await openPage()
      await page.goto(`${demo.url}/answers.html${hash}`)
      await isReady(page)
      return page
    })
  },
})

const transports = {
  websocket: 'WebSocket',
  eventsource: 'EventSource',
  'xhr-streaming': 'XHR streaming',
  'long-polling': 'Long polling',
  jsonp: 'JSONP',
}

const question = '강은 왜 흐르나요? <b>Why</b> & how 👀'
const tokens = tokensFor(question)
const whole = tokens.join('')

/** Lets only so many tokens of each answer out, until it is told of more. */
function createValve() {
  let limit = 0
  let waiting: (() => void)[] = []
  const pace: Pace = async (n, signal) => {
    while (n >= limit && !signal.aborted)
      await new Promise<void>(resolve => {
        waiting.push(resolve)
        signal.addEventListener('abort', () => resolve(), { once: true })
      })
    signal.throwIfAborted()
  }
  return {
    pace,
    let(count: number) {
      limit = count
      for (const go of waiting) go()
      waiting = []
    },
  }
}

test('an answer has 60 to 150 tokens, which are the same each time', () => {
  for (let n = 0; n < 200; n++) {
    const asked = `${'물음 '.repeat(n)}?`
    expect(tokensFor(asked).length).toBeGreaterThanOrEqual(60)
    expect(tokensFor(asked).length).toBeLessThanOrEqual(150)
    expect(tokensFor(asked)).toEqual(tokensFor(asked))
  }
})

for (const [transport, name] of Object.entries(transports)) {
  test(`tokens come one by one by ${name}`, async ({ valve, visit }) => {
    const page = await visit()
    await setLab(page, { refuse: Object.keys(transports).filter(each => each !== transport) })
    await isOver(page, name)
    await ask(page)
    for (const count of [1, 2, 3, 30, 31]) {
      valve.let(count)
      await has(page, 'ours', count)
      expect(await textOf(page, 'ours')).toBe(tokens.slice(0, count).join(''))
      expect(await countOf(page, 'ours')).toBe(`${count} of ${tokens.length} tokens`)
    }
    // The plain response is a stream, and has no other way.
    if (transport === 'xhr-streaming') await has(page, 'plain', 31)
    else expect(await wordsOf(page, 'plain')).toBe('No answer: Streams are refused just now.')
    valve.let(tokens.length)
    await is(page, 'ours', 'whole')
    expect(await textOf(page, 'ours')).toBe(whole)
    expect(await wordsOf(page, 'ours')).toBe(`Whole: all ${tokens.length} tokens.`)
    await isOver(page, name)
  })
}

test('both are whole where nothing happens', async ({ valve, visit }) => {
  valve.let(tokens.length)
  const page = await visit()
  await ask(page)
  for (const panel of ['ours', 'plain'] as const) {
    await is(page, panel, 'whole')
    expect(await textOf(page, panel)).toBe(whole)
  }
})

test('a cut in the middle breaks the plain answer off, and ours is whole', async ({ valve, visit }) => {
  const page = await visit()
  await ask(page)
  valve.let(20)
  for (const panel of ['ours', 'plain'] as const) await has(page, panel, 20)
  await page.click('#cut')
  await is(page, 'plain', 'broken')
  await page.waitFor(() => document.querySelectorAll('#ours .seam').length === 1)
  valve.let(tokens.length)
  await is(page, 'ours', 'whole')
  expect(await textOf(page, 'ours')).toBe(whole)
  expect(await wordsOf(page, 'ours')).toBe(`Whole: all ${tokens.length} tokens, across a break.`)
  expect(await textOf(page, 'plain')).toBe(tokens.slice(0, 20).join(''))
  expect(await wordsOf(page, 'plain')).toContain(`Broken off after 20 of ${tokens.length} tokens`)
})

test('after reloads in the middle ours goes on where it was, and the plain answer is lost', async ({
  valve,
  visit,
}) => {
  const page = await visit()
  await ask(page)
  for (const count of [20, 40]) {
    valve.let(count)
    await has(page, 'ours', count)
    await reload(page)
    expect(await textOf(page, 'ours')).toBe(tokens.slice(0, count).join(''))
    await is(page, 'plain', 'lost')
  }
  valve.let(tokens.length)
  await is(page, 'ours', 'whole')
  expect(await textOf(page, 'ours')).toBe(whole)
  expect(await wordsOf(page, 'ours')).toBe(`Whole: all ${tokens.length} tokens, across 2 breaks.`)
  expect(await textOf(page, 'plain')).toBe('')
  // What is whole stays so.
  await reload(page)
  await is(page, 'ours', 'whole')
  expect(await textOf(page, 'ours')).toBe(whole)
})

test('a second tab reads the same answer from its beginning, while it is written and afterwards', async ({
  valve,
  visit,
}) => {
  const page = await visit()
  await ask(page)
  valve.let(20)
  await has(page, 'ours', 20)
  const address = await page.evaluate(() => document.querySelector<HTMLAnchorElement>('#second')?.hash ?? '')
  expect(address).toBe(await page.evaluate(() => location.hash))
  const second = await visit(address)
  await has(second, 'ours', 20)
  await is(second, 'plain', 'elsewhere')
  expect(await second.evaluate(() => document.querySelector<HTMLInputElement>('#question')?.value)).toBe(
    question,
  )
  valve.let(tokens.length)
  for (const each of [page, second, await visit(address)]) {
    await is(each, 'ours', 'whole')
    expect(await textOf(each, 'ours')).toBe(whole)
  }
})

test('another question after a reload has an answer of its own, and going back shows the one before it', async ({
  valve,
  visit,
}) => {
  valve.let(Number.POSITIVE_INFINITY)
  const page = await visit()
  await ask(page)
  await is(page, 'ours', 'whole')
  await reload(page)
  await ask(page, 'And then?')
  await page.waitFor(
    text => document.querySelector('#ours .text')?.textContent === text,
    textFor('And then?'),
  )
  await page.evaluate(() => history.back())
  await page.waitFor(text => document.querySelector('#ours .text')?.textContent === text, whole)
})

test('stop ends it, in each tab', async ({ valve, visit }) => {
  const page = await visit()
  await ask(page)
  valve.let(20)
  for (const panel of ['ours', 'plain'] as const) await has(page, panel, 20)
  const second = await visit(await page.evaluate(() => location.hash))
  await has(second, 'ours', 20)
  await page.click('#stop')
  for (const each of [page, second]) await is(each, 'ours', 'stopped')
  await is(page, 'plain', 'stopped')
  expect(await wordsOf(page, 'ours')).toBe(
    `Stopped after 20 of ${tokens.length} tokens: stopped by a reader.`,
  )
  // What is free to ask again is not at work any more.
  valve.let(tokens.length)
  await ask(page)
  await is(page, 'ours', 'whole')
  expect(await textOf(second, 'ours')).toBe(tokens.slice(0, 20).join(''))
})

test('where WebSockets are swallowed and streams held back, ours comes as it is written, and the plain one at the end', async ({
  valve,
  visit,
}) => {
  const page = await visit()
  for (const box of ['swallow', 'hold']) {
    await page.click(`#boxes [data-box="${box}"] button`)
    await page.waitFor(
      box => document.querySelector(`#boxes [data-box="${box}"] [aria-checked="true"]`) !== null,
      box,
    )
  }
  await ask(page)
  for (const count of [20, 40]) {
    valve.let(count)
    await has(page, 'ours', count)
  }
  expect(await textOf(page, 'plain')).toBe('')
  expect(['Long polling', 'JSONP']).toContain(await page.text('#pill'))
  valve.let(tokens.length)
  for (const panel of ['ours', 'plain'] as const) {
    await is(page, panel, 'whole')
    expect(await textOf(page, panel)).toBe(whole)
  }
})

test('an answer goes on where all was refused for a while', async ({ valve, visit }) => {
  const page = await visit()
  await ask(page)
  valve.let(20)
  await has(page, 'ours', 20)
  await setLab(page, { refuse: Object.keys(transports) })
  await is(page, 'ours', 'cut')
  await is(page, 'plain', 'broken')
  valve.let(tokens.length)
  await setLab(page, { refuse: [] })
  await is(page, 'ours', 'whole')
  expect(await textOf(page, 'ours')).toBe(whole)
})

test('a server that is busy says so in words', async ({ valve, visit }) => {
  const [page, other] = [await visit(), await visit()]
  await other.evaluate(async () => {
    const { connect } = await import(`${location.origin}/throughline/index.js`)
    const line = connect('/answers')
    for (let n = 0; n < 8; n++) await line.send('anything', { event: 'ask', answer: true })
  })
  await ask(page)
  await is(page, 'ours', 'failed')
  expect(await page.text('#note')).toContain('writing 8 answers just now')
  valve.let(Number.POSITIVE_INFINITY)
  await is(page, 'plain', 'whole')
  // The eight may need a moment more.
  await expect(async () => {
    await ask(page)
    await page.waitFor(() =>
      ['whole', 'failed'].includes(document.getElementById('ours')?.dataset.state ?? ''),
    )
    expect(await page.text('#note')).toBe('')
  }).toPass()
  await is(page, 'ours', 'whole')
})

test('what is no question, and an answer that there is not, is refused in words', async ({ visit }) => {
  const page = await visit()
  await ask(page, ' ')
  await is(page, 'ours', 'failed')
  expect(await page.text('#note')).toBe('A question needs a text.')
  await page.evaluate(() => document.getElementById('question')?.removeAttribute('maxlength'))
  await ask(page, '물'.repeat(201))
  await page.waitFor(() => document.getElementById('note')?.textContent?.includes('200 characters'))
  const lost = await visit('#answer%3Anobody')
  await is(lost, 'ours', 'failed')
  expect(await wordsOf(lost, 'ours')).toBe('There is no such answer, or it is not kept any more.')
  // What is no name of an answer is none to read.
  await visit('#%E0%A4%A')
  await visit('#rt.log')
})

// Colours do not depend on the size.
for (const [width, height, colorScheme] of [
  [360, 740, 'dark'],
  [844, 390, 'light'],
  [1280, 720, 'light'],
  [1280, 720, 'dark'],
] as const) {
  test(`the answers fit ${width} × ${height}, ${colorScheme}, and can be used by everybody`, async ({
    browser,
    browserName,
    demo,
    valve,
  }) => {
    test.skip(browserName !== 'chromium', 'layout and names are the same in every engine')
    // The page lets no foreign script in, such as the checker.
    const options = { viewport: { width, height }, colorScheme, bypassCSP: true }
    await using context = await browser.newContext(options)
    const page = await context.newPage()
    const errors: string[] = []
    page.on('pageerror', ({ message }) => errors.push(message))
    page.on('console', message => message.type() === 'error' && errors.push(message.text()))
    const isFine = async (view: string) => {
      expect(await violations(page), view).toEqual([])
      const wide = await page.evaluate(() => document.documentElement.scrollWidth)
      expect(wide, view).toBeLessThanOrEqual(width)
    }
    await page.goto(`${demo.url}/answers.html`)
    await page.waitForSelector('#send:enabled')
    await isFine('before')
    await page.click('#send')
    valve.let(30)
    await page.waitForFunction(() => document.querySelectorAll('#plain .text span').length === 30)
    await isFine('in the middle')
    await page.click('#reload')
    await page.waitForSelector('#plain[data-state="lost"]')
    await isFine('after a reload')
    await page.click('#stop')
    await page.waitForSelector('#ours[data-state="stopped"]')
    valve.let(Number.POSITIVE_INFINITY)
    await page.click('#send')
    await page.waitForSelector('#ours[data-state="whole"]')
    expect(errors).toEqual([])
    valve.let(30)
    await page.click('#send')
    await page.waitForFunction(() => document.querySelectorAll('#ours .text span').length === 30)
    await page.click('#cut')
    await page.waitForSelector('#plain[data-state="broken"]')
    await isFine('after a cut')
    // That a response was cut the browser itself writes down.
    expect(errors.filter(text => !text.startsWith('Failed to load resource'))).toEqual([])
  })
}

type Panel = 'ours' | 'plain'

async function isReady(page: TestPage): Promise<void> {
  await page.waitFor(() => document.querySelector('#send:enabled, #stop:enabled') !== null)
}

async function ask(page: TestPage, text = question): Promise<void> {
  await page.waitFor(() => document.querySelector('#send:enabled') !== null)
  await page.fill('#question', text)
  await page.click('#send')
}

/** By the page's own button. A driver cannot look into a page that is on its way. */
async function reload(page: TestPage): Promise<void> {
  await page.evaluate(() => void Object.assign(window, { isOld: true }))
  await page.click('#reload')
  await expect(async () => {
    const isNew = await page.evaluate(
      () => !('isOld' in window) && document.getElementById('pill')?.textContent,
    )
    expect(isNew).toBeTruthy()
  }).toPass()
  await page.waitFor(() => document.getElementById('pill')?.dataset.transport)
}

async function has(page: TestPage, panel: Panel, count: number): Promise<void> {
  await page.waitFor(
    ({ panel, count }) => document.querySelectorAll(`#${panel} .text span:not(.seam)`).length === count,
    { panel, count },
  )
}

async function is(page: TestPage, panel: Panel, state: string): Promise<void> {
  await page.waitFor(({ panel, state }) => document.getElementById(panel)?.dataset.state === state, {
    panel,
    state,
  })
}

async function isOver(page: TestPage, transport: string): Promise<void> {
  await page.waitFor(name => document.getElementById('pill')?.textContent === name, transport)
}

function textOf(page: TestPage, panel: Panel): Promise<string | undefined | null> {
  return page.evaluate(panel => document.querySelector(`#${panel} .text`)?.textContent, panel)
}

function wordsOf(page: TestPage, panel: Panel): Promise<string> {
  return page.text(`#${panel} .state-words`)
}

function countOf(page: TestPage, panel: Panel): Promise<string> {
  return page.text(`#${panel} .count`)
}

function textFor(question: string): string {
  return tokensFor(question).join('')
}

function setLab(page: TestPage, wish: { refuse: readonly string[] }): Promise<unknown> {
  return page.evaluate(wish => {
    const headers = { 'Content-Type': 'application/json' }
    const asked = { method: 'POST', headers, body: JSON.stringify(wish) }
    return fetch('/lab', asked).then(answer => answer.json())
  }, wish)
}
