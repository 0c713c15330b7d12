/** `fetchEventSource` in real browsers: what is not a GET is sent once, whatever the network does. */
import type { Socket } from 'node:net'
import { type Stand, startStand } from '../conformance/stand.ts'
import { expect, type TestPage, test } from '../fixtures/test.ts'

declare const DropIn: typeof import('../../src/drop-in.ts')

const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n'
const words = ['안녕', ' 하세요', ' 👩‍👩‍👧‍👦']
const whole = words.join('')
const blocks = words.map((data, index) => `retry: 1\nid: ${index + 1}\ndata: ${data}\n\n`)
const bytes = Buffer.from(`${head}${chunk(blocks.join(''))}0\r\n\r\n`)

test('a POST whose answer breaks off at whichever byte is sent once, and goes on by a GET where that is', async ({
  openPage,
  browserName,
}) => {
  await using place = await openPlace(openPage)
  for (const kind of ['alone', 'resumed']) {
    for (const at of bytes.keys())
      place.stand.site.route(`/${kind}/${at}`, ({ socket }) => void socket.end(bytes.subarray(0, at)))
  }
  place.goesOn('/on')
  const stride = browserName === 'chromium' ? 3 : 7
  const offsets = [...bytes.keys()].filter(at => at % stride === 0)
  const outcomes = await place.page.evaluate(async offsets => {
    const heard: { text: string; kind?: string; posts: number }[][] = []
    const ask = async (url: string, resume: object) => {
      let text = ''
      let posts = 0
      const counting: typeof fetch = (input, init) => {
        if (init?.method === 'POST') posts++
        return fetch(input, init)
      }
      const onmessage = ({ data }: { data: string }) => {
        text += data
      }
      const init = { method: 'POST', body: 'x', onmessage, fetch: counting, ...resume }
      return DropIn.fetchEventSource(url, init).then(
        () => ({ text, posts }),
        ({ kind }) => ({ text, kind, posts }),
      )
    }
    const waiting = offsets.entries()
    const some = async () => {
      for (const [index, at] of waiting)
        heard[index] = await Promise.all([ask(`/alone/${at}`, {}), ask(`/resumed/${at}`, { resume: '/on' })])
    }
    await Promise.all([some(), some(), some()])
    return heard
  }, offsets)
  for (const [index, at] of offsets.entries()) {
    const [alone, resumed] = outcomes[index] as [(typeof outcomes)[0][0], (typeof outcomes)[0][0]]
    expect([at, alone.posts, resumed.posts]).toEqual([at, 1, 1])
    expect(whole.startsWith(alone.text), `${at}: ${alone.text}`).toBe(true)
    // Some browsers take a head that broke off for a whole one, of no type.
    const kinds = at < Buffer.byteLength(head) ? ['IN_DOUBT', 'content'] : ['IN_DOUBT', 'cut']
    expect([at, alone.kind, kinds.includes(alone.kind ?? '')]).toEqual([at, alone.kind, true])
    // What came just before a cut a browser may keep to itself.
    if (resumed.kind === undefined) expect([at, resumed.text]).toEqual([at, whole])
    else expect([at, resumed.text]).toEqual([at, ''])
  }
})

for (const [resume, how, outcome] of [
  [{}, 'fails', { kind: 'cut', text: words[0] }],
  [{ resume: '/on' }, 'goes on by a GET', { text: whole }],
] as const) {
  test(`a POST whose answer is cut once it has begun is sent once, and ${how}`, async ({ openPage }) => {
    await using place = await openPlace(openPage)
    const posts: Socket[] = []
    place.stand.site.route('/ask', ({ socket }) => {
      posts.push(socket)
      // And a chunk that is announced and does not come.
      socket.write(`${head}${chunk(blocks[0] as string)}5\r\n`)
    })
    // Before the page has heard of it, a browser may send a request again by itself, and no page can forbid it.
    place.stand.site.route('/heard', (_, response) => {
      response.end()
      for (const socket of posts) socket.destroy()
    })
    place.goesOn('/on')
    const told = await place.page.evaluate(async resume => {
      let text = ''
      const onmessage = ({ data }: { data: string }) => {
        text += data
        void fetch('/heard')
      }
      return DropIn.fetchEventSource('/ask', { method: 'POST', onmessage, ...resume }).then(
        () => ({ text }),
        ({ kind }) => ({ kind, text }),
      )
    }, resume)
    expect([told, posts.length]).toEqual([outcome, 1])
  })
}

test('a tab that is hidden changes nothing', async ({ openPage }) => {
  await using place = await openPlace(openPage)
  const served = place.stand.serve([{ body: words.map(data => `data: ${data}\n\n`) }])
  const text = await place.page.evaluate(async url => {
    let text = ''
    const hide = (state: string) => {
      Object.defineProperty(document, 'hidden', { value: state === 'hidden', configurable: true })
      Object.defineProperty(document, 'visibilityState', { value: state, configurable: true })
      document.dispatchEvent(new Event('visibilitychange'))
    }
    await DropIn.fetchEventSource(url, {
      method: 'POST',
      body: 'x',
      openWhenHidden: false,
      onmessage({ data }) {
        text += data
        hide('hidden')
        hide('visible')
      },
    })
    return text
  }, served.path)
  expect(text).toBe(whole)
  expect(served.asked.map(({ method, body }) => [method, body])).toEqual([['POST', 'x']])
})

test('characters that are torn between pieces are whole, in a worker too', async ({ openPage }) => {
  await using place = await openPlace(openPage)
  const torn = [...Buffer.from(`data: ${whole}\n\n`)].map(byte => Uint8Array.of(byte))
  const { url } = place.stand.serve([{ body: torn }])
  const source = `importScripts('${place.stand.site.url}/conformance/drop-in.js')
    let text = ''
    const onmessage = ({ data }) => { text += data }
    DropIn.fetchEventSource('${url}', { onmessage }).then(() => postMessage(text), error => postMessage(error.message))`
  const told = await place.page.evaluate(
    source =>
      new Promise(resolve => {
        new Worker(URL.createObjectURL(new Blob([source]))).onmessage = ({ data }) => resolve(data)
      }),
    source,
  )
  expect(told).toBe(whole)
})

test('what is no event stream is told with its status and type', async ({ openPage }) => {
  await using place = await openPlace(openPage)
  const served = place.stand.serve([{ status: 401, type: 'application/json', body: '{}' }])
  const told = await place.page.evaluate(
    url =>
      DropIn.fetchEventSource(url, { method: 'POST' }).catch(({ kind, status, message }) => ({
        kind,
        status,
        message,
      })),
    served.path,
  )
  expect(told).toEqual({
    kind: 'content',
    status: 401,
    message: `${served.url} answered with status 401 and application/json in place of text/event-stream`,
  })
  expect(served.asked).toHaveLength(1)
})

async function openPlace(openPage: () => Promise<TestPage>) {
  const [stand, page] = (await Promise.all([startStand(), openPage()])) as [Stand, TestPage]
  await page.goto(stand.page)
  return {
    stand,
    page,
    /** Gives what came behind the last id that was heard. */
    goesOn(path: string) {
      stand.site.route(path, ({ headers, socket }) => {
        socket.end(`${head}${chunk(blocks.slice(Number(headers['last-event-id'])).join(''))}0\r\n\r\n`)
      })
    },
    [Symbol.asyncDispose]: () => stand[Symbol.asyncDispose](),
  }
}
