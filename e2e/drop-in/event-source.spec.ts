/** What our own `EventSource` does beyond the letter, which e2e/conformance holds it against: installed as the global, with options, over faults, and as pages come and go. */

import { type Script, type Stand, startStand } from '../conformance/stand.ts'
import type { Engine } from '../fixtures/engines.ts'
import { expect, type TestPage, test } from '../fixtures/test.ts'

declare const DropIn: { EventSource: typeof EventSource }
declare const connectPlain: (
  url: string,
  channel: string,
) => EventTarget & {
  transport: string | null
  close(): void
}
declare const heard: string[]
declare const source: EventSource

/** What error events tell. */
interface Told extends Event {
  error?: { kind: string; status?: number }
}

const retry = 'retry: 1\n\n'

test('as the global class it leaves lines the browser’s own, also where two copies of it are installed', async ({
  openPage,
}) => {
  await using place = await openPlace(openPage)
  const { url } = place.stand.serve([{ body: 'data: a\n\n', after: 'hold' }])
  const outcome = await place.page.evaluate(async url => {
    const own = EventSource
    const install = () => Object.assign(globalThis, { EventSource: DropIn.EventSource })
    install()
    const first = DropIn
    await new Promise(resolve => {
      const script = document.createElement('script')
      script.src = '/conformance/drop-in.js'
      script.onload = resolve
      document.head.append(script)
    })
    install()
    const isCopy = first.EventSource !== DropIn.EventSource
    const ways: string[] = []
    const { fetch } = globalThis
    globalThis.fetch = (...given) => {
      ways.push('fetch')
      return fetch(...given)
    }
    const line = connectPlain(url, 'eventsource')
    const data = await new Promise(resolve => {
      line.addEventListener('message', event => resolve((event as MessageEvent).data))
    })
    const { transport } = line
    line.close()
    return { isCopy, data, transport, ways, replaced: EventSource !== own }
  }, url)
  expect(outcome).toEqual({ isCopy: true, data: 'a', transport: 'eventsource', ways: [], replaced: true })
})

test('a stream that is cut at whichever byte goes on, and characters are whole', async ({
  openPage,
  browserName,
}) => {
  await using place = await openPlace(openPage)
  const events = ['id: 1\ndata: 안녕\n\n', 'id: 2\ndata: 👩‍👩‍👧‍👦\n\n', 'data: end\n\n']
  const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
  const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n'
  const bytes = Buffer.from(head + chunk(retry) + chunk(events.slice(0, 2).join('')))
  // Cut before `retry` came, each would wait for as long as an EventSource does that was told nothing.
  const first = Buffer.byteLength(head + chunk(retry))
  const stride = browserName === 'chromium' ? 1 : 5
  const offsets = Array.from({ length: bytes.length - first }, (_, index) => first + index).filter(
    at => at % stride === 0,
  )
  for (const at of offsets) {
    let isCut = false
    place.stand.site.route(`/cut/${at}`, ({ headers, socket }) => {
      const id = Number(headers['last-event-id'] ?? 0)
      if (isCut) return void socket.write(head + chunk(retry + events.slice(id).join('')))
      isCut = true
      socket.end(bytes.subarray(0, at))
    })
  }
  const told = await place.page.evaluate(async offsets => {
    const heard: string[][] = []
    const waiting = offsets.entries()
    const some = async () => {
      for (const [index, at] of waiting) {
        const source = new DropIn.EventSource(`/cut/${at}`)
        const messages: string[] = []
        heard[index] = messages
        await new Promise<void>(resolve => {
          source.onmessage = ({ data, lastEventId }) => {
            messages.push(`${data} #${lastEventId}`)
            if (data === 'end') resolve()
          }
        })
        source.close()
      }
    }
    await Promise.all([some(), some(), some(), some()])
    return heard
  }, offsets)
  for (const [index, messages] of told.entries())
    expect([offsets[index], messages]).toEqual([offsets[index], ['안녕 #1', '👩‍👩‍👧‍👦 #2', 'end #2']])
})

test('the events say what was answered, and why it failed, also from another origin', async ({
  openPage,
}) => {
  await using place = await openPlace(openPage)
  const refusing: Script = [{ status: 404 }]
  const own = place.stand.serve(refusing)
  const away = place.stand.serveAway(refusing)
  const hidden = place.stand.serveAway(refusing, 'none')
  expect(await place.firstError(own.url)).toEqual({ kind: 'status', status: 404, readyState: 2 })
  expect(own.asked).toHaveLength(1)
  expect(await place.firstError(away.url)).toEqual({ kind: 'status', status: 404, readyState: 2 })
  // The browser's own EventSource does not tell: it is asked once more.
  expect(away.asked).toHaveLength(2)
  expect(await place.firstError(hidden.url)).toEqual({ kind: 'unshared', readyState: 2 })
})

test('where another origin takes headers and not Last-Event-ID, the stream begins anew', async ({
  openPage,
}) => {
  await using place = await openPlace(openPage)
  const away = place.stand.serveAway(({ headers }) => ({ body: `${retry}id: 1\ndata: ${headers.own}\n\n` }), {
    allows: 'own',
  })
  await place.listen(away.url, { headers: { own: 'x' } })
  await place.page.waitFor(() => heard.filter(each => each === 'message x').length > 1)
  expect(away.asked.map(({ headers }) => headers['last-event-id'])).not.toContain('1')
  await place.page.evaluate(() => source.close())
})

test('lastEventIdQueryParameterName says the id to another origin without a preflight', async ({
  openPage,
}) => {
  await using place = await openPlace(openPage)
  const urls: (string | undefined)[] = []
  const away = place.stand.serveAway(({ url }) => {
    urls.push(url)
    return { body: `${retry}id: 한&\ndata: x\n\n` }
  }, 'any')
  await place.listen(`${away.url}?a=b%20c`, { lastEventIdQueryParameterName: 'last' })
  await place.page.waitFor(() => heard.filter(each => each === 'message x').length > 1)
  await place.page.evaluate(() => source.close())
  expect(away.preflights).toEqual([])
  expect(urls.slice(0, 2)).toEqual([`${away.path}?a=b%20c`, `${away.path}?a=b%20c&last=%ED%95%9C%26`])
})

test('a page that is left hears nothing more, and one that stays goes on', async ({
  openPage,
  browserName,
}) => {
  await using place = await openPlace(openPage)
  const script: Script = [{ body: [retry, 'data: x\n\n'], after: 'hold' }]
  const { url } = place.stand.serve(script)
  const away = place.stand.serveAway(script)
  await place.page.evaluate(async url => {
    const foreign = new DropIn.EventSource(url)
    Object.assign(globalThis, { foreign })
    await new Promise(resolve => {
      foreign.onmessage = resolve
    })
  }, away.url)
  place.stand.site.route('/download', (_, response) => {
    setTimeout(() => response.writeHead(204).end(), 300)
  })
  await place.listen(url)
  await place.page.evaluate(() => {
    location.href = '/download'
  })
  // Some browsers have ended the request, and some have not.
  await place.page.evaluate(() => new Promise(resolve => setTimeout(resolve, 3_000)))
  await place.page.waitFor(() => source.readyState === 1)
  // Firefox has ended its own, without any event, and it is replaced. WebKit's is ended, and says that it is open: nobody can tell.
  const open = browserName === 'webkit' ? 0 : 1
  await expect.poll(() => away.asked.length - away.closed).toBe(open)
  await place.page.evaluate(() => {
    heard.length = 0
    addEventListener('pagehide', () => {
      sessionStorage.heard = JSON.stringify(heard)
    })
  })
  place.stand.site.route('/conformance/elsewhere', (_, response) => {
    setTimeout(() => response.writeHead(200, { 'Content-Type': 'text/html' }).end('<p>'), 300)
  })
  await place.page.goto(`${place.stand.site.url}/conformance/elsewhere`)
  expect(await place.page.evaluate(() => sessionStorage.heard)).toBe('[]')
})

test('a page that is kept in the history has no request, and asks at once when it is back', async ({
  openPage,
}) => {
  await using place = await openPlace(openPage)
  const served = place.stand.serve([{ body: ['retry: 60000\nid: 1\n\n', 'data: x\n\n'], after: 'hold' }])
  await place.listen(served.url)
  const go = (type: string) =>
    place.page.evaluate(type => {
      dispatchEvent(new PageTransitionEvent(type, { persisted: true }))
      return source.readyState
    }, type)
  const closed = () => served.closed
  expect(await go('pagehide')).toBe(0)
  await expect.poll(closed).toBe(1)
  expect(served.asked).toHaveLength(1)
  await go('pageshow')
  await place.page.waitFor(() => heard.filter(each => each === 'open').length === 2)
  const four = await place.page.evaluate(() => heard.slice(0, 4))
  expect(four).toEqual(['open', 'message x', 'error away', 'open'])
  expect(served.asked[1]?.headers['last-event-id']).toBe('1')
})

test('works in a service worker', async ({ openPage, browserName }) => {
  await using place = await openPlace(openPage)
  const { path } = place.stand.serve([{ body: `${retry}id: 1\ndata: 안녕\n\n` }, { body: 'data: b\n\n' }])
  place.stand.site.route('/conformance/service.js', (_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/javascript' }).end(`
      importScripts('/conformance/drop-in.js', '/conformance/recorder.js')
      onmessage = ({ data, ports: [port] }) => record(data).then(heard => port.postMessage(heard))
    `)
  })
  const given = { url: path, channel: 'drop-in', count: 5 }
  const isThere = await place.page.evaluate(() => 'serviceWorker' in navigator)
  // The build of WebKit that Debian packages for tests has none.
  if (!isThere) return expect<Engine>(browserName as Engine).toBe('webkit')
  const told = await place.page.evaluate(async given => {
    const { serviceWorker } = navigator
    const registration = await serviceWorker.register('/conformance/service.js')
    const worker = (registration.installing ?? registration.waiting ?? registration.active) as ServiceWorker
    const { port1, port2 } = new MessageChannel()
    return new Promise(resolve => {
      port1.onmessage = ({ data }) => resolve(data)
      worker.postMessage(given, [port2])
    })
  }, given)
  expect(told).toEqual(['open', 'message 안녕 #1', 'error 0', 'open', 'message b #1'])
})

async function openPlace(openPage: () => Promise<TestPage>) {
  const [stand, page] = (await Promise.all([startStand(), openPage()])) as [Stand, TestPage]
  await page.goto(stand.page)
  return {
    stand,
    page,
    /** Listens as `source`, notes in `heard`, and waits for the first message. */
    async listen(url: string, options: object = {}) {
      await page.evaluate(
        ({ url, options }) => {
          const source = new DropIn.EventSource(url, options)
          const heard: string[] = []
          Object.assign(globalThis, { source, heard })
          source.onopen = () => heard.push('open')
          source.onmessage = ({ data }) => heard.push(`message ${data}`)
          source.onerror = event => heard.push(`error ${(event as Told).error?.kind}`)
        },
        { url, options },
      )
      await page.waitFor(() => heard.some(each => each.startsWith('message')))
    },
    firstError: (url: string) =>
      page.evaluate(
        url =>
          new Promise(resolve => {
            const source = new DropIn.EventSource(url)
            source.onerror = event => {
              const { kind, status } = (event as Told).error ?? {}
              resolve({ kind, status, readyState: source.readyState })
              source.close()
            }
          }),
        url,
      ),
    [Symbol.asyncDispose]: () => stand[Symbol.asyncDispose](),
  }
}
