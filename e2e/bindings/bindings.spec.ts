/** The same app in each framework, in a real page, with a real hub: what each binding promises. */
import { startTcpProxy } from '../fixtures/tcp-proxy.ts'
import { expect, type TestPage, test } from '../fixtures/test.ts'
import type { App, Scene } from './apps/scene.ts'
import { type Framework, frameworks, hide, type Stand, show, startStand } from './stand.ts'

declare const app: App
declare const mismatch: string | undefined

const names = Object.keys(frameworks) as Framework[]
const room = (id: string, more: object = {}) => ({ id, topic: 'room', ...more })

for (const framework of names)
  test.describe(framework, () => {
    const isReact = framework.startsWith('react')
    for (const query of isReact ? ['', 'strict'] : ['']) {
      test(`opens one line, hears its topics, and leaves all of it${query && ', in StrictMode'}`, async ({
        openPage,
      }) => {
        await using stand = await startStand(framework)
        const { hub } = stand.place
        let opened = 0
        const asked: string[] = []
        hub.on('open', () => {
          opened++
        })
        hub.on('subscribe', ({ topic }) => {
          asked.push(topic)
        })
        const page = await openApp(openPage, stand, query)
        await show(page, { url: '/live', rooms: [room('one'), room('two')] })
        await sees(page, '#one', 'subscribed')
        await expect.poll(() => hub.presence('room')).toHaveLength(1)
        await hub.publish('room', 'hello')
        await hub.publish('room', 'again')
        await reads(page, '#one', 'hello again')
        await reads(page, '#two', 'hello again')
        await reads(page, '#line', 'open websocket')
        expect([opened, asked]).toEqual([1, ['room']])

        await show(page, { url: '/live', rooms: [room('two')] })
        await hub.publish('room', 'to one')
        await reads(page, '#two', 'hello again to one')
        await show(page, { url: '/live' })
        await expect.poll(() => hub.presence('room')).toEqual([])
        expect(hub.stats().sessions).toBe(1)

        await hide(page)
        await expect.poll(() => hub.stats().sessions).toBe(0)
        expect([opened, asked]).toEqual([1, ['room']])
      })
    }

    test('renders once for a burst, and not at all without news', async ({ openPage }) => {
      await using stand = await startStand(framework)
      const { hub } = stand.place
      const page = await openApp(openPage, stand)
      const scene = { url: '/live', rooms: [room('one', { limit: 50 })] }
      await show(page, scene)
      await sees(page, '#one', 'subscribed')
      const before = await page.evaluate(() => app.renders.one as number)
      // What is published in one turn of the server's event loop comes as one frame.
      const numbers = Array.from({ length: 500 }, (_, n) => `${n}`)
      await Promise.all(numbers.map(n => hub.publish('room', n)))
      await reads(page, '#one', numbers.slice(-50).join(' '))
      const [after, lists] = await page.evaluate(() => [app.renders.one as number, app.lists.one?.length])
      // The socket may bring it in a few pieces.
      expect(after - before).toBeLessThanOrEqual(10)

      // The whole app renders anew: the list, the line and the topic are those that were.
      for (let times = 0; times < 5; times++) await show(page, { ...scene, rooms: [...scene.rooms] })
      await hub.publish('elsewhere', 'x')
      await page.evaluate(() => new Promise(resolve => setTimeout(resolve)))
      expect(await page.evaluate(() => app.lists.one?.length)).toBe(lists)
      expect(hub.stats().sessions).toBe(1)
      const quiet = await page.evaluate(() => app.renders.one as number)
      await page.evaluate(async () => {
        const { line } = app.parts.live as { line: { send(data: string): Promise<void> } }
        await line.send('up')
      })
      expect(await page.evaluate(() => app.renders.one)).toBe(quiet)
    })

    test('goes on after a cut, and says when messages were lost', async ({ openPage }) => {
      await using stand = await startStand(framework, { retain: { room: 3 } })
      const { hub, site } = stand.place
      const proxy = await startTcpProxy(site.port)
      const page = await openPage()
      await page.goto(`http://127.0.0.1:${proxy.port}/`)
      await show(page, { url: '/live', rooms: [room('one')] })
      await sees(page, '#one', 'subscribed')
      await hub.publish('room', 'before')
      await reads(page, '#one', 'before')
      await proxy.refuse(true)
      proxy.cut('rst')
      await expect.poll(() => page.text('#line')).not.toMatch(/^open/)
      for (const text of ['meanwhile', 'and then']) await hub.publish('room', text)
      await proxy.refuse(false)
      await reads(page, '#one', 'before meanwhile and then')
      await sees(page, '#one', 'subscribed')
      await reads(page, '#line', 'open websocket')

      await proxy.refuse(true)
      proxy.cut('rst')
      await expect.poll(() => page.text('#line')).not.toMatch(/^open/)
      for (const text of ['lost', 'a', 'b', 'c']) await hub.publish('room', text)
      await proxy.refuse(false)
      await reads(page, '#one', 'before meanwhile and then a b c')
      await sees(page, '#one', 'subscribed, gap')
      const gaps = await page.evaluate(() => {
        const { messages } = app.parts.one as { messages: { data: string; gap?: object }[] }
        return messages.filter(({ gap }) => gap).map(({ data }) => data)
      })
      expect(gaps).toEqual(['a'])
      await hide(page)
      await proxy.close()
    })

    test('another URL or topic is another line or subscription, and null is none', async ({ openPage }) => {
      await using stand = await startStand(framework)
      const { hub } = stand.place
      let opened = 0
      hub.on('open', () => {
        opened++
      })
      const page = await openApp(openPage, stand)
      await show(page, { url: null, rooms: [room('one')] })
      await reads(page, '#line', 'idle by nothing')
      await sees(page, '#one', 'idle')
      await show(page, { url: '/live', rooms: [room('one')] })
      await sees(page, '#one', 'subscribed')
      await hub.publish('room', 'x')
      await reads(page, '#one', 'x')
      await show(page, { url: '/live', rooms: [{ id: 'one', topic: 'other' }] })
      await expect.poll(() => hub.presence('other')).toHaveLength(1)
      await expect.poll(() => hub.presence('room')).toHaveLength(0)
      await reads(page, '#one', '')
      await show(page, { url: '/live?a=b', rooms: [{ id: 'one', topic: null }] })
      await sees(page, '#one', 'idle')
      await expect.poll(() => opened).toBe(2)
      await expect.poll(() => hub.stats().sessions).toBe(1)
      await show(page, { url: null })
      await expect.poll(() => hub.stats().sessions).toBe(0)
    })

    if (!framework.startsWith('svelte'))
      test('the newest function is asked, and a new one opens no other line', async ({ openPage }) => {
        const asked: (string | null)[] = []
        await using stand = await startStand(framework, {
          authorize: ({ url }) => {
            asked.push(url.searchParams.get('who'))
            return { principal: 'x' }
          },
        })
        const page = await openApp(openPage, stand)
        await show(page, { url: '/live', who: 'Ada' })
        await reads(page, '#line', 'open websocket')
        await show(page, { url: '/live', who: 'Bob' })
        await reads(page, '#line', 'open websocket')
        expect(asked.filter(Boolean)).toEqual(['Ada'])
        await page.evaluate(() => (app.parts.live as { line: { reconnect(): void } }).line.reconnect())
        await expect.poll(() => asked.filter(Boolean)).toEqual(['Ada', 'Bob'])
      })

    test('an answer comes in pieces, and a POST is sent once', async ({ openPage }) => {
      await using stand = await startStand(framework)
      const asked: string[] = []
      let say = (_piece: string | null) => {}
      let left = 0
      stand.place.site.route('/ask', (request, response) => {
        asked.push(`${request.method} ${request.url}`)
        response.writeHead(200, { 'Content-Type': 'text/event-stream' })
        // Firefox tells of no answer before its first byte.
        response.write(':\n\n')
        response.on('close', () => response.writableEnded || left++)
        say = piece => (piece === null ? response.end() : response.write(`data: ${piece}\n\n`))
      })
      const page = await openApp(openPage, stand, isReact ? 'strict' : '')
      await show(page, { ask: { url: '/ask?get' } })
      await reads(page, '#ask', 'streaming 0')
      say('one, ')
      say('two')
      await reads(page, '#ask', 'streaming 2 one, two')
      say(null)
      await reads(page, '#ask', 'done 2 one, two')
      expect(asked).toEqual(['GET /ask?get'])

      await show(page, { ask: { url: '/ask?post', options: { method: 'POST' } } })
      await reads(page, '#ask', 'idle 0')
      expect(asked).toHaveLength(1)
      const start = () =>
        page.evaluate(() => {
          const { start } = app.parts.ask as { start(options: object): unknown }
          start({ body: { question: 'why?' } })
        })
      await start()
      await reads(page, '#ask', 'streaming 0')
      say('three')
      await reads(page, '#ask', 'streaming 1 three')
      await page.evaluate(() => (app.parts.ask as { stop(): void }).stop())
      await reads(page, '#ask', 'stopped 1 three')
      await expect.poll(() => left).toBe(1)
      await start()
      await reads(page, '#ask', 'streaming 0')
      await hide(page)
      await expect.poll(() => left).toBe(2)
      expect(asked).toEqual(['GET /ask?get', 'POST /ask?post', 'POST /ask?post'])
      await start()
      await page.evaluate(() => new Promise(resolve => setTimeout(resolve, 50)))
      expect(asked).toHaveLength(3)
    })

    test('a list begins with its history, goes back, and keeps to its limit', async ({ openPage }) => {
      await using stand = await startStand(framework)
      const { hub } = stand.place
      for (let n = 0; n < 9; n++) await hub.publish('room', `${n}`)
      const page = await openApp(openPage, stand)
      await show(page, { url: '/live', rooms: [room('one', { history: 3, limit: 4 })] })
      await reads(page, '#one', '6 7 8')
      await hub.publish('room', '9')
      await hub.publish('room', '10')
      await reads(page, '#one', '7 8 9 10')
      const older = (limit: number) =>
        page.evaluate(
          limit => (app.parts.one as { loadOlder(n: number): Promise<boolean> }).loadOlder(limit),
          limit,
        )
      expect(await older(2)).toBe(true)
      await reads(page, '#one', '5 6 7 8 9 10')
      expect(await older(10)).toBe(false)
      await reads(page, '#one', '0 1 2 3 4 5 6 7 8 9 10')
    })

    test('functions hear the events of a topic, and the crowd is told', async ({ openPage }) => {
      await using stand = await startStand(framework, {
        authorize: ({ url }) => ({ principal: url.searchParams.get('who') ?? 'Ada', subscribe: ['*'] }),
      })
      const { hub } = stand.place
      const page = await openApp(openPage, stand)
      await show(page, { url: '/live', rooms: [room('ear', { listens: true })], crowd: 'room' })
      await sees(page, '#ear', '', 'subscribed')
      await reads(page, '#crowd', '1: Ada')
      await hub.publish('room', 'Bob', { event: 'typing' })
      await page.waitFor(() => app.heard.includes('ear Bob'))
      expect(await page.evaluate(() => app.heard)).toEqual(['ear Bob'])

      const other = await openApp(openPage, stand)
      await show(other, { url: '/live?who=Bob', rooms: [room('one')] })
      await reads(page, '#crowd', '2: Ada,Bob')
      await hide(other)
      await reads(page, '#crowd', '1: Ada')
      await show(page, { url: '/live' })
      await expect.poll(() => hub.presence('room')).toEqual([])
    })

    test('a server renders the beginning and opens nothing, and the page takes it over', async ({
      openPage,
    }) => {
      await using stand = await startStand(framework)
      const { hub } = stand.place
      const ids: string[] = []
      for (const text of ['a', 'b']) ids.push(await hub.publish('room', text))
      const initial = ids.map((lastEventId, index) => ({ data: index ? 'b' : 'a', lastEventId }))
      const scene: Scene = {
        url: '/live',
        rooms: [room('one', { initial })],
        crowd: 'room',
        ask: { url: '/nothing', options: { method: 'POST' } },
      }
      const { url, html } = await stand.serveRendered(scene)
      expect(html.replace(/<!--.*?-->/g, '')).toContain('<li>a</li><li>b</li>')
      expect(html).toContain('connecting by nothing')
      expect(hub.stats().sessions).toBe(0)
      await hub.publish('room', 'c')

      const page = await openPage()
      await page.goto(url)
      await page.evaluate(() => {
        Object.assign(globalThis, { mismatch: undefined, first: document.querySelector('#one li') })
      })
      await page.evaluate(scene => app.hydrate?.(scene), scene)
      await reads(page, '#one', 'a b c')
      const taken = await page.evaluate(() => ({
        mismatch,
        isSame:
          (globalThis as unknown as { first: Element }).first === document.querySelector('#one li') || null,
      }))
      expect(taken).toEqual({ mismatch: undefined, isSame: true })
    })
  })

async function openApp(open: () => Promise<TestPage>, stand: Stand, query = ''): Promise<TestPage> {
  const page = await open()
  await page.goto(stand.url(query))
  return page
}

/** What a part reads, with one space between its items. */
async function reads(page: TestPage, selector: string, text: string): Promise<void> {
  const read = (selector: string) => {
    const part = document.querySelector(selector)
    const items = [...(part?.querySelectorAll('li') ?? [])].map(({ textContent }) => textContent)
    return part && (part.tagName === 'OL' ? items.join(' ') : part.textContent?.replace(/\s+/g, ' ').trim())
  }
  await expect.poll(() => page.evaluate(read, selector)).toBe(text)
}

/** What state a part is in: a list says it in its title. */
async function sees(page: TestPage, selector: string, title: string, text?: string): Promise<void> {
  const read = (selector: string) => {
    const part = document.querySelector<HTMLElement>(selector)
    return { title: part?.title, text: part?.textContent }
  }
  await expect.poll(() => page.evaluate(read, selector)).toEqual({ title, text: text ?? expect.anything() })
}
