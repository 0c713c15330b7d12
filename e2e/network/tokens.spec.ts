/** A page's token is nowhere but where it belongs: not in the log of what stands between, and in nothing that the page keeps or tells. */
import { readFile } from 'node:fs/promises'
import { startPlace } from '../fixtures/place.ts'
import { expect, type TestPage, test } from '../fixtures/test.ts'
import { nginx, nginxRules } from './nginx.ts'
import { missing, type Program, startProgram } from './programs.ts'

declare const begin: (url: string, options: object) => void
declare const Throughline: { diagnose(url: string, options: object): Promise<unknown> }
declare const heard: { type: string; data?: string }[]
declare const line: {
  readonly readyState: number
  readonly transport: string | null
  send(data: unknown): Promise<void>
  report(): unknown
}

/** What a page may choose, and what names it in a module of its own. */
const transports: [transport: string, module?: string, name?: string][] = [
  ['websocket'],
  ['eventsource'],
  ['xhr-streaming'],
  ['long-polling'],
  ['jsonp'],
  ['fetch-streaming', 'fetch-streaming', 'fetchStreaming'],
  ['iframe', 'iframe', 'iframe'],
]

/** Characters that each way of writing changes. */
const tokens = ['hunter2/+first==', 'hunter2/+second==']
const forms = tokens.flatMap(token => [
  'hunter2',
  Buffer.from(token).toString('base64url'),
  Buffer.from(token).toString('base64'),
])

test.skip(missing(nginx(0, '')) !== undefined, missing(nginx(0, '')))

for (const [transport, module, name = ''] of transports)
  test(`over ${transport}: opened, refused and renewed, cut, sent and diagnosed`, async ({ openPage }) => {
    let taken = tokens[1]
    const received: unknown[] = []
    await using place = await startPlace({
      retry: 100,
      // Of a frame that broke no engine tells: the line finds out by what it no longer hears.
      heartbeat: 1_000,
      authorize({ token }) {
        if (token !== taken) throw { status: 401 }
        return { topics: ['lobby'], principal: 'ann' }
      },
    })
    place.hub.on('message', ({ data }) => void received.push(data))
    const { program, log } = logging(nginx(place.site.port, nginxRules.passes))
    const box = await startProgram(program)
    const page = await openPage()
    await page.goto(`${box.url}/pages/line.html`)
    const options = { transport, module, name, tokens }
    await page.evaluate(async ({ transport, module, name, tokens }) => {
      const one = module ? (await import(`/dist/transports/${module}.js`))[name] : transport
      let asked = 0
      const token = () => tokens[Math.min(asked++, 1)]
      Object.assign(window, { asked: { transports: [one], token } })
      begin('/live', { transports: [one], token, resume: 'session', retry: 100 })
    }, options)
    await page.waitFor(() => line.readyState === 1)
    await place.hub.publish('lobby', 'one')
    await page.waitFor(() => heard.some(({ data }) => data === 'one'))
    await page.evaluate(() => line.send('up'))
    await expect.poll(() => received).toEqual(['up'])
    // The line is cut, and comes back with what it has; then nothing is taken any more, and the reasons are told.
    place.hub.refuse([transport as 'websocket'])
    place.hub.refuse([])
    await place.hub.publish('lobby', 'two')
    await page.waitFor(() => heard.some(({ data }) => data === 'two'))
    await page.evaluate(() => {
      const { asked } = window as unknown as { asked: object }
      return Throughline.diagnose('/live', asked).then(found => void Object.assign(window, { found }))
    })
    taken = 'another'
    place.hub.refuse([transport as 'websocket'])
    place.hub.refuse([])
    await page.waitFor(() => line.readyState === 2)
    await search(page, await log())
    await box.close()
  })

async function search(page: TestPage, log: string): Promise<void> {
  const kept = await page.evaluate(() =>
    JSON.stringify([
      performance.getEntries(),
      line.report(),
      (window as unknown as { found: unknown }).found,
      { ...localStorage },
      { ...sessionStorage },
      heard,
      document.documentElement.outerHTML,
      document.cookie,
    ]),
  )
  expect(log).toContain('/live?')
  expect(kept).toContain('/live')
  for (const form of forms) {
    expect(log).not.toContain(form)
    expect(kept).not.toContain(form)
    expect(decodeURIComponent(log.replace(/%(?![0-9a-f]{2})/gi, ''))).not.toContain(form)
  }
}

/** nginx as it is usually run: with a log of each request. */
function logging(program: Program): { program: Program; log(): Promise<string> } {
  let file = ''
  return {
    program: {
      ...program,
      configure(port, folder) {
        file = `${folder}/access`
        return program.configure(port, folder).replace('access_log off;', `access_log ${file} combined;`)
      },
    },
    log: () => readFile(file, 'utf8'),
  }
}
