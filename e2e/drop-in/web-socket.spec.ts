/** The WebSocket of throughline/drop-in beside the browser's own, and in its place. */
import { chromium } from '@playwright/test'
import { WebSocketServer } from 'ws'
import { createHub } from '../../server/index.ts'
import { wholeChromium } from '../fixtures/engines.ts'
import { type Site, startSite } from '../fixtures/site.ts'
import { expect, type TestPage, test } from '../fixtures/test.ts'

/** What a page writes down of a socket, and what the scripts below need of it. */
interface Stand {
  WebSocket: typeof WebSocket
  socket: WebSocket & { reconnect(code?: number, reason?: string): void; retryCount: number }
  log: string[]
  /** Notes what the socket tells from now on. */
  watch(socket: WebSocket): void
}
declare const stand: Stand

/** Pieces of a page’s script, each run with the browser’s own class and with ours. They give what they have seen. */
const scripts: Record<string, (at: string) => Promise<unknown>> = {
  'opens, hears what it says, and closes': async at => {
    const socket = new stand.WebSocket(`${at}/echo`, ['v2', 'v1'])
    stand.watch(socket)
    socket.onopen = () => socket.send('안녕')
    socket.onmessage = () => socket.close(3_000, 'enough')
    await new Promise(resolve => socket.addEventListener('close', resolve))
    const { url, protocol, extensions, binaryType, bufferedAmount } = socket
    return [...stand.log, url, protocol, typeof extensions, binaryType, bufferedAmount]
  },
  'brings bytes as buffers and as blobs': async at => {
    const socket = new stand.WebSocket(`${at}/echo`)
    const kinds: string[] = []
    socket.onopen = () => socket.send(new Blob(['1']))
    socket.onmessage = ({ data }) => {
      kinds.push(Object.prototype.toString.call(data))
      socket.binaryType = 'arraybuffer'
      socket.binaryType = 'nonsense' as never
      if (kinds.length === 1) socket.send(new Uint8Array([1, 2]).subarray(1))
      else if (kinds.length === 2) socket.send(new Uint8Array(3).buffer)
      else socket.close()
    }
    await new Promise(resolve => {
      socket.onclose = resolve
    })
    return [...kinds, socket.binaryType]
  },
  'is closed by the server': async at => {
    const socket = new stand.WebSocket(`${at}/close`)
    stand.watch(socket)
    await new Promise(resolve => socket.addEventListener('close', resolve))
    socket.close()
    return stand.log
  },
  'is cut': async at => {
    const socket = new stand.WebSocket(`${at}/cut`)
    stand.watch(socket)
    socket.onopen = () => socket.send('cut me')
    await new Promise(resolve => socket.addEventListener('close', resolve))
    socket.close()
    return stand.log
  },
  'is refused': async at => {
    const socket = new stand.WebSocket(`${at}/refuse`)
    stand.watch(socket)
    await new Promise(resolve => socket.addEventListener('close', resolve))
    socket.close()
    return stand.log
  },
  'is closed before it has opened, in a listener too, and more than once': async at => {
    const socket = new stand.WebSocket(`${at}/echo`)
    stand.watch(socket)
    socket.close()
    socket.close(1_000)
    const state = socket.readyState
    await new Promise(resolve => socket.addEventListener('close', resolve))
    socket.close()
    return [state, ...stand.log]
  },
  'closes without a code, and hears nothing after that': async at => {
    const socket = new stand.WebSocket(`${at}/echo`)
    stand.watch(socket)
    await new Promise(resolve => socket.addEventListener('open', resolve))
    socket.send('never heard')
    socket.close()
    await new Promise(resolve => socket.addEventListener('close', resolve))
    return stand.log
  },
  'refuses what cannot be': async at => {
    const tried = (act: () => unknown) => {
      try {
        return String(act())
      } catch (error) {
        return `${(error as Error).name} ${error instanceof DOMException}`
      }
    }
    const { WebSocket } = stand
    const socket = new WebSocket(`${at}/echo`)
    const seen = [
      ...[
        'ws://foo bar/',
        'ftp://x/',
        'about:blank',
        `${at}/#`,
        `${at}/#a`,
        '#a',
        'http://',
        'ws://x:99999/',
      ].map(url => tried(() => new WebSocket(url))),
      ...['', 'a b', 'a/b', 'é', ['a', 'a'], ['a', '']].map(each =>
        tried(() => new WebSocket(`${at}/echo`, each)),
      ),
      tried(() => new (WebSocket as unknown as new () => unknown)()),
      tried(() => (WebSocket as unknown as () => unknown)()),
      ...[0, 999, 1_001, 2_999, 5_000, null, Number.NaN, 'text', 1_000.4].map(code =>
        tried(() => socket.close(code as never)),
      ),
      tried(() => socket.close(1_000, 'é'.repeat(62))),
      tried(() => (socket.send as () => void)()),
    ]
    return seen
  },
  'knows relative addresses and those of HTTP': async at => {
    const urls = ['echo?a b', '/echo', at.replace('ws', 'http'), '//other.test:443/x'].map(given => {
      const socket = new stand.WebSocket(given)
      socket.close()
      return socket.url
    })
    return urls
  },
  'has constants, and handlers that take only functions': async at => {
    const socket = new stand.WebSocket(`${at}/echo`)
    socket.close()
    const { WebSocket } = stand
    for (const each of [WebSocket, WebSocket.prototype, socket]) Reflect.deleteProperty(each, 'OPEN')
    socket.onopen = 5 as never
    const none = socket.onopen
    const given = () => {}
    socket.onopen = given
    return [
      [WebSocket, WebSocket.prototype, socket].map(({ CONNECTING, OPEN, CLOSING, CLOSED }) => [
        CONNECTING,
        OPEN,
        CLOSING,
        CLOSED,
      ]),
      none,
      socket.onopen === given,
      'onclose' in WebSocket.prototype,
      socket instanceof EventTarget,
      Reflect.set(socket, 'readyState', 5),
    ]
  },
}

for (const [name, script] of Object.entries(scripts))
  test(`does as the browser’s own one when it ${name}`, async ({ openPage }) => {
    await using place = await startPlace()
    const seen: unknown[] = []
    for (const own of [true, false]) {
      const page = await openStand(await openPage(), place.site, own)
      seen.push(await page.evaluate(script, place.url))
    }
    expect(seen[1]).toEqual(seen[0])
  })

test('stands in for the global, of which a line uses the browser’s own', async ({ openPage }) => {
  await using place = await startPlace()
  const hub = createHub()
  const page = await openStand(await openPage(), place.site)
  hub.attach(place.site.server)
  const seen = await page.evaluate(async at => {
    const native = globalThis.WebSocket
    let natives = 0
    class Counting extends native {
      constructor(url: string | URL, protocols?: string | string[]) {
        super(url, protocols)
        natives++
      }
    }
    globalThis.WebSocket = Counting
    // A copy of the module that found another global, and one that found the first copy.
    const first = (await import(`/dist/drop-in.js?${'first'}`)).WebSocket as typeof WebSocket
    globalThis.WebSocket = first
    const second = (await import(`/dist/drop-in.js?${'second'}`)).WebSocket as typeof WebSocket
    globalThis.WebSocket = second
    const opened = (socket: WebSocket) => new Promise(resolve => socket.addEventListener('open', resolve))
    const sockets = [new WebSocket(`${at}/echo`), new first(`${at}/echo`)]
    await Promise.all(sockets.map(opened))
    const before = natives
    const { connect } = await import('/dist/index.js' as string)
    const line = connect('/live?topic=lobby', { transports: ['websocket'] })
    await line.opened
    const after = natives
    line.close()
    for (const socket of sockets) socket.close()
    return { before, after, transport: line.report()[0]?.transport }
  }, place.url)
  expect(seen).toEqual({ before: 2, after: 3, transport: 'websocket' })
  await hub.close()
})

test('sends in order what was said while it was down, each once', async ({ openPage }) => {
  await using place = await startPlace()
  const page = await openStand(await openPage(), place.site)
  await begin(page, `${place.url}/echo`, { minReconnectionDelay: 20, maxReconnectionDelay: 50 })
  await page.waitFor(() => stand.socket.readyState === 1)
  for (let outage = 1; outage <= 3; outage++) {
    await page.evaluate(() => {
      stand.socket.onclose = () => {
        for (let each = 0; each < 5; each++) stand.socket.send(`${stand.log.length} ${each}`)
        stand.log.push('down')
      }
    })
    place.cut()
    await page.waitFor(
      count => stand.log.filter(each => each.startsWith('message')).length === count * 5,
      outage,
    )
  }
  const heard = place.heard
  expect(heard).toHaveLength(15)
  expect(new Set(heard).size).toBe(15)
  const echoes = await page.evaluate(() => stand.log.filter(each => each.startsWith('message')))
  expect(echoes).toEqual(heard.map(text => `message 1 ${text}`))
})

for (const type of ['online', 'pageshow'])
  test(`comes back at once when the page hears ${type}`, async ({ openPage }) => {
    await using place = await startPlace()
    const page = await openStand(await openPage(), place.site)
    await begin(page, `${place.url}/echo`, { minReconnectionDelay: 600_000, maxReconnectionDelay: 600_000 })
    await page.waitFor(() => stand.socket.readyState === 1)
    place.cut()
    await page.waitFor(() => stand.socket.readyState === 3)
    await page.evaluate(name => {
      dispatchEvent(new Event(name))
    }, type)
    await page.waitFor(() => stand.socket.readyState === 1)
    // It listens no longer, so that nothing is opened beside the one that is there.
    await page.evaluate(name => {
      dispatchEvent(new Event(name))
    }, type)
    expect(await page.evaluate(() => stand.log)).toEqual(['open 1', 'close 3 1006  false', 'open 1'])
    expect(place.count).toBe(2)
  })

test.describe('', () => {
  test.skip(({ browserName }) => browserName !== 'chromium', 'only Chromium lets a test switch this on')

  test('is connected again at once when its page comes out of the back/forward cache', async () => {
    await using place = await startPlace()
    // Playwright switches the cache off, so this browser is its own.
    await using browser = await chromium.launch({
      ...wholeChromium(),
      ignoreDefaultArgs: ['--disable-back-forward-cache'],
    })
    const page = await browser.newPage()
    await openStand(page as never, place.site)
    await begin(page as never, `${place.url}/echo`, {
      minReconnectionDelay: 600_000,
      maxReconnectionDelay: 600_000,
    })
    await page.waitForFunction(() => stand.socket.readyState === 1)
    await page.goto(`${place.site.url}/pages/line.html`)
    // No load event comes for a page that was kept whole.
    await page.goBack({ waitUntil: 'commit' })
    await page.waitForFunction(() => stand.log.length === 4)
    const log = await page.evaluate(() => stand.log)
    expect(log).toEqual(['open 1', 'error 3 the page was put aside', 'close 3 1006  false', 'open 1'])
    expect(place.count).toBe(2)
  })
})

test('gives up a handshake that is not answered, and tries again', async ({ openPage }) => {
  await using place = await startPlace()
  const page = await openStand(await openPage(), place.site)
  await begin(page, `${place.url}/silent`, {
    connectionTimeout: 100,
    minReconnectionDelay: 20,
    maxReconnectionDelay: 50,
  })
  await page.waitFor(() => stand.log.length >= 4)
  const log = await page.evaluate(() => stand.log.slice(0, 4))
  expect(log).toEqual([
    'error 3 TIMEOUT',
    'close 3 1006 timeout false',
    'error 3 TIMEOUT',
    'close 3 1006 timeout false',
  ])
})

test('connects anew by reconnect() where the server does not answer any more', async ({ openPage }) => {
  await using place = await startPlace()
  const page = await openStand(await openPage(), place.site)
  await begin(page, `${place.url}/stuck`, {})
  await page.waitFor(() => stand.socket.readyState === 1)
  await page.evaluate(() => stand.socket.reconnect(4_000, 'it hangs'))
  await page.waitFor(() => stand.log.length === 3)
  expect(await page.evaluate(() => stand.log)).toEqual(['open 1', 'close 3 4000 it hangs true', 'open 1'])
})

/** A server whose paths say what it does. */
async function startPlace() {
  const site = await startSite()
  const sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: all => (all.has('v1') ? 'v1' : false),
  })
  const place = {
    site,
    url: site.url.replace('http', 'ws'),
    heard: [] as string[],
    count: 0,
    cut() {
      for (const peer of sockets.clients) peer.terminate()
    },
    async [Symbol.asyncDispose]() {
      await site.close()
    },
  }
  site.server.on('upgrade', (request, socket, head) => {
    const [, kind] = (request.url ?? '').split(/[/?]/)
    if (kind === 'live' || kind === 'silent') return
    if (kind === 'refuse') return socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n')
    sockets.handleUpgrade(request, socket, head, peer => {
      place.count++
      if (kind === 'close') return peer.close(4_001, 'for now')
      if (kind === 'stuck' && place.count === 1) return socket.pause()
      peer.on('message', (data, isBinary) => {
        if (kind === 'cut') return peer.terminate()
        place.heard.push(`${data}`)
        peer.send(data, { binary: isBinary })
      })
    })
  })
  return place
}

/** Opens a page with the browser's own class, or ours. */
async function openStand(page: TestPage, site: Site, own = false): Promise<TestPage> {
  await page.goto(`${site.url}/pages/blank.html`)
  await page.evaluate(async native => {
    const log: string[] = []
    const Class = native ? WebSocket : (await import('/dist/drop-in.js' as string)).WebSocket
    const watch = (socket: WebSocket) => {
      for (const type of ['open', 'message', 'error', 'close'])
        socket.addEventListener(type, event => {
          const { data, code, reason, wasClean, message } = event as MessageEvent & CloseEvent & ErrorEvent
          const more = {
            message: ` ${data}`,
            close: ` ${code} ${reason} ${wasClean}`,
            error: message ? ` ${message}` : '',
          }
          log.push(`${type} ${socket.readyState}${more[type as 'error'] ?? ''}`)
        })
    }
    Object.assign(globalThis, { stand: { WebSocket: Class, log, watch } })
  }, own)
  return page
}

async function begin(page: TestPage, url: string, options: object): Promise<void> {
  await page.evaluate(
    ([at, given]) => {
      const Class = stand.WebSocket as unknown as new (...given: unknown[]) => Stand['socket']
      stand.socket = new Class(at, [], given)
      stand.watch(stand.socket)
    },
    [url, options] as const,
  )
}
