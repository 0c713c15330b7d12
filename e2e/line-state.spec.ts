/** What a line says of its state in a browser, and what it tells the server as it closes. */
import type { Line } from '../src/connection/line.ts'
import { byWebDriver } from './fixtures/engines.ts'
import { startPlace } from './fixtures/place.ts'
import { expect, test } from './fixtures/test.ts'

declare const begin: (url: string, options?: object) => void
declare const line: Line
declare let states: string[]

const transports = ['websocket', 'xhr-streaming', 'long-polling']

test.describe('with a network that a test can switch off', () => {
  test.skip(({ browserName }) => byWebDriver(browserName), 'no command of WebDriver does that')

  for (const transport of transports) {
    test(`a line over ${transport} is offline without a network, open again with one, and tells why it closes`, async ({
      page,
      context,
    }) => {
      await using place = await startPlace()
      const ended: unknown[] = []
      place.hub.on('close', ({ code, reason }) => ended.push([code, reason]))
      await page.goto(`${place.url}/pages/line.html`)
      await page.evaluate(async name => {
        begin('/live?topic=lobby', { transports: [name] })
        states = [line.state]
        line.addEventListener('statechange', ({ state }) => states.push(state))
        await line.opened
      }, transport)
      await context.setOffline(true)
      await page.evaluate(() => line.reconnect())
      await page.waitForFunction(() => line.state === 'offline')
      await context.setOffline(false)
      await page.waitForFunction(() => line.state === 'open')
      const told = await page.evaluate(() => states)
      // How soon the browser has switched the network off, for what was open and for what is tried anew, is its own affair.
      expect(told.slice(0, 2)).toEqual(['connecting', 'open'])
      expect(told).toContain('offline')
      expect(told.lastIndexOf('open')).toBeGreaterThan(told.indexOf('offline'))
      expect(told.at(-1)).toBe('open')
      await page.evaluate(() => line.close(4001, 'signed out'))
      await expect.poll(() => ended).toEqual([[4001, 'signed out']])
    })
  }
})

test('a code and a reason that no WebSocket takes are refused as a WebSocket refuses them', async ({
  openPage,
}) => {
  await using place = await startPlace()
  const page = await openPage()
  await page.goto(`${place.url}/pages/line.html`)
  const thrown = await page.evaluate(() => {
    begin('/live?topic=lobby')
    const socket = new WebSocket(location.href.replace('http', 'ws'))
    const cases: [number, string?][] = [[1001], [2999], [5000], [4000, 'é'.repeat(62)]]
    const nameOf = (act: () => void) => {
      try {
        act()
        return 'nothing'
      } catch (error) {
        return error instanceof DOMException && error.name
      }
    }
    return cases.map(given => [nameOf(() => line.close(...given)), nameOf(() => socket.close(...given))])
  })
  for (const [ours, theirs] of thrown) expect(ours).toBe(theirs)
})
