import { expect, test } from 'throughline/testing/playwright'

const shown = (page, text) => expect(page.locator('#by')).toHaveText(text, { timeout: 20_000 })

async function sayHello(page, times = 1) {
  await page.getByRole('button').click()
  await expect(page.locator('li')).toHaveCount(times, { timeout: 20_000 })
}

test('an untouched network has a WebSocket', async ({ page, network, baseURL }) => {
  expect(baseURL).toBe(network.url)
  await page.goto('/')
  await shown(page, 'open websocket')
  await sayHello(page)
  expect(network.tries.map(({ via }) => via)).toContain('websocket')
})

for (const act of ['swallowWebSocket', 'refuseWebSocket', 'silenceWebSocket'])
  test(`${act}: goes by a stream`, async ({ page, network }) => {
    network[act]()
    await page.goto('/')
    await shown(page, /^open (eventsource|xhr-streaming)$/)
    await sayHello(page)
  })

test('bufferStreams: polls where WebSockets are refused and streams are held back', async ({
  page,
  network,
}) => {
  network.refuseWebSocket()
  network.bufferStreams()
  await page.goto('/')
  await shown(page, 'open long-polling')
  await sayHello(page)
})

test('cut and stall: comes back, and has lost nothing', async ({ page, network }) => {
  await page.goto('/')
  await shown(page, 'open websocket')
  await sayHello(page)
  network.cut()
  await sayHello(page, 2)
  network.stall()
  network.cut('fin')
  await sayHello(page, 3)
})

test('offline and heal: waits, and goes on', async ({ page, network }) => {
  await page.goto('/')
  await shown(page, 'open websocket')
  network.offline()
  await expect(page.locator('#by')).not.toHaveText(/^open/)
  await page.getByRole('button').click()
  network.heal()
  await expect(page.locator('li')).toHaveCount(1, { timeout: 30_000 })
})

test('endStreams, slow: goes on where every response ends', async ({ page, network }) => {
  network.refuseWebSocket()
  network.endStreams(500)
  network.slow(20_000)
  await page.goto('/')
  await sayHello(page)
})

test('refuse, captivePortal: says why, and gets through afterwards', async ({ page, network }) => {
  network.captivePortal()
  await page.goto('/')
  await expect(page.locator('#why')).not.toBeEmpty({ timeout: 20_000 })
  network.heal()
  network.refuse(503)
  network.heal()
  await sayHello(page)
})

test.describe('elsewhere', () => {
  test.use({ hubPath: '/nowhere' })
  test('leaves alone what is not the hub’s', async ({ page, network }) => {
    network.refuse()
    await page.goto('/')
    await shown(page, 'open websocket')
    expect(network.tries).toEqual([])
  })
})
