/** The package in Node, Deno and Bun: each transport that works there, and what is said of those that do not. */
import { startPlace } from '../fixtures/place.ts'
import { startTcpProxy } from '../fixtures/tcp-proxy.ts'
import { expect, test } from '../fixtures/test.ts'
import { makeProject } from './project.ts'
import { never, type Running, type Runtime, runtimes, start } from './runtimes.ts'

test.skip(({ browserName }) => browserName !== 'chromium', 'no browser takes part: once is enough')
test.beforeAll(async ({ browserName }) => {
  test.setTimeout(300_000)
  if (browserName === 'chromium') await makeProject()
})

const hangul = '안녕하세요, 세계 👋'

for (const runtime of runtimes) {
  test.describe(runtime.name, () => {
    for (const transport of Object.keys(runtime.works)) {
      test(`hears, comes back after a cut, sends and streams by ${transport}, and ends by itself`, () =>
        tryIt(runtime, transport, transport))
    }

    test(`goes by ${runtime.usual} if nothing is said`, () => tryIt(runtime, 'usual', runtime.usual))

    for (const transport of never) {
      test(`says that ${transport} cannot be used there`, async () => {
        await using program = start(runtime, 'http://127.0.0.1:9', transport)
        expect(await program.ended).toBe(0)
        expect(program.told.map(({ type }) => type)).toEqual(['error', 'close'])
        expect(program.told[0]).toMatchObject({ code: 'unavailable' })
      })
    }
  })
}

async function tryIt(runtime: Runtime, transport: string, by: string): Promise<void> {
  await using place = await startPlace({ retry: 20 })
  const asked: string[] = []
  place.site.route('/ask', async (request, response) => {
    let body = ''
    for await (const piece of request.setEncoding('utf8')) body += piece
    asked.push(`${request.method} ${body}`)
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    for (const piece of ['because ', hangul]) response.write(`data: ${piece}\n\n`)
    response.end()
  })
  const taken: unknown[] = []
  place.hub.on('message', ({ data }) => void taken.push(data))
  const network = await startTcpProxy(place.site.port)
  await using program = start(runtime, `http://127.0.0.1:${network.port}`, transport)
  try {
    await until(program, 'open')
    const publish = (data: string | Uint8Array) => place.hub.publish('lobby', data)
    await publish('before')
    await publish(Uint8Array.of(0, 255, 13, 10))
    await until(program, 'message', 2)
    network.cut('rst')
    await publish('meanwhile')
    await until(program, 'message', 3)
    await publish(hangul)
    await publish('end')
    expect(await program.ended).toBe(0)
  } finally {
    await network.close()
  }
  const of = (type: string) => program.told.filter(told => told.type === type)
  expect(of('message').map(({ data }) => data)).toEqual([
    'before',
    [0, 255, 13, 10],
    'meanwhile',
    hangul,
    'end',
  ])
  expect(new Set(of('open').map(({ transport }) => transport))).toEqual(new Set([by]))
  expect(of('answer')).toEqual([{ type: 'answer', text: `because ${hangul}` }])
  expect(of('stderr')).toEqual([])
  expect(taken).toEqual(['one', 'two', 'three 안녕 👋'])
  expect(asked).toEqual(['POST {"question":"why"}'])
}

/** Until the program has told so many of these, or has ended. */
async function until(program: Running, type: string, count = 1): Promise<void> {
  const enough = () => program.told.filter(told => told.type === type).length >= count
  await expect.poll(enough, { message: `${count} × ${type}` }).toBe(true)
}
