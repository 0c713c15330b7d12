/** Takes the pictures in docs/images, light and dark: `npm run screenshots`. Each waits for a state, so that it shows the same whenever it is taken. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BrowserContext, chromium, type Page } from '@playwright/test'
import { startDemo } from '../demo/demo.ts'
import { engines } from '../e2e/fixtures/engines.ts'
import { type Pixels, withPalette } from './palette-png.ts'

const folder = fileURLToPath(new URL('../docs/images', import.meta.url))
const { use } = engines.find(({ name }) => name === 'chromium') ?? {}

const pictures: Record<string, (page: Page, url: string) => Promise<void>> = { line, chat, diagnose }

await mkdir(folder, { recursive: true })
const browser = await chromium.launch(use?.launchOptions)
for (const [name, arrange] of Object.entries(pictures))
  for (const colorScheme of ['light', 'dark'] as const) {
    const demo = await startDemo()
    // Where nothing moves, no picture depends on its moment.
    const options = { viewport: { width: 1280, height: 720 }, colorScheme, reducedMotion: 'reduce' } as const
    const context = await browser.newContext(options)
    const page = await context.newPage()
    await arrange(page, demo.url)
    const path = join(folder, `${name}-${colorScheme}.png`)
    const picture = withPalette(await pixelsOf(await page.screenshot({ animations: 'disabled' }), context))
    await writeFile(path, picture)
    console.log(path, picture.length)
    await context.close()
    await demo.close()
  }
await browser.close()

/** The first page, where a box swallows WebSockets. */
async function line(page: Page, url: string): Promise<void> {
  await page.goto(url)
  await page.click('[data-scene="clear"]')
  await page.locator('#transport', { hasText: 'WebSocket' }).waitFor()
  await page.waitForFunction(() => Number(document.getElementById('heard')?.textContent) >= 12)
  await page.click('[data-scene="swallow"]')
  await page.locator('#transport', { hasText: 'EventSource' }).waitFor()
  await page.waitForFunction(() => Number(document.getElementById('heard')?.textContent) >= 24)
  await page.click('h1')
}

/** Two people in the chat, on a line that had to leave its first transport. */
async function chat(page: Page, url: string): Promise<void> {
  const other = await page.context().newPage()
  for (const [each, name] of [
    [page, 'Ada'],
    [other, '세종'],
  ] as const) {
    await each.goto(`${url}/chat.html?name=${name}`)
    await each.click('#join')
    await each.locator('#line[data-state="open"]').waitFor()
  }
  await say(page, other, 'Good morning')
  await say(other, page, '나랏말싸미 듕귁에 달아')
  await page.click('#ladder [data-transport="websocket"] button')
  await page.locator('#transport', { hasText: 'EventSource' }).waitFor()
  await say(page, other, 'Still here, by another way')
  await other.close()
}

async function diagnose(page: Page, url: string): Promise<void> {
  await page.goto(`${url}/diagnose.html`)
  await page.locator('#again:enabled').waitFor()
}

async function say(page: Page, other: Page, text: string): Promise<void> {
  await page.fill('#text', text)
  await page.click('#send')
  for (const each of [page, other])
    await each.locator('#messages > :not(.pending)', { hasText: text }).waitFor()
}

/** What a browser sees in a picture. */
async function pixelsOf(png: Buffer, context: BrowserContext): Promise<Pixels> {
  const page = await context.newPage()
  const { width, height, data } = await page.evaluate(
    async address => {
      const image = await createImageBitmap(await (await fetch(address)).blob())
      const { width, height } = image
      const pen = new OffscreenCanvas(width, height).getContext('2d') as OffscreenCanvasRenderingContext2D
      pen.drawImage(image, 0, 0)
      const { data } = pen.getImageData(0, 0, width, height)
      const pieces = Array.from({ length: height }, (_, row) =>
        String.fromCharCode(...data.subarray(row * width * 4, (row + 1) * width * 4)),
      )
      return { width, height, data: btoa(pieces.join('')) }
    },
    `data:image/png;base64,${png.toString('base64')}`,
  )
  return { width, height, data: Buffer.from(data, 'base64') }
}
