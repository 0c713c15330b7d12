/** The apps that docs/react.md, docs/vue.md and docs/svelte.md show are what they say. */
import { expect, test } from '../fixtures/test.ts'
import { type Shown, startShown } from './stand.ts'

for (const name of ['react', 'vue', 'svelte'] satisfies Shown[])
  test(`the app of docs/${name}.md sends, hears, goes back and says how it is`, async ({ openPage }) => {
    await using place = await startShown(name)
    const { hub } = place
    hub.on('message', ({ data }) => hub.publish('room:42', data))
    for (let n = 0; n < 25; n++) await hub.publish('room:42', { text: `old ${n}` })
    const page = await openPage()
    await page.goto(place.url)
    const items = () =>
      page.evaluate(() => [...document.querySelectorAll('li')].map(({ textContent }) => textContent))
    await expect.poll(() => page.text('#status')).toMatch(/^open by /)
    await expect.poll(() => page.text('#count')).toMatch(/^[1-9] here$/)
    await expect.poll(items).toHaveLength(20)
    expect((await items())[0]).toBe('old 5')
    await page.click('button[type=button]')
    await expect.poll(items).toHaveLength(25)
    await page.fill('input', 'hello')
    await page.click('#send')
    await expect.poll(async () => (await items()).at(-1)).toBe('hello')
    await expect.poll(() => page.evaluate(() => document.querySelector('input')?.value)).toBe('')
    expect(await items()).toHaveLength(26)
  })
