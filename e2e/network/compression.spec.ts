/** What a hub compresses each engine reads, directly and through nginx, and hears the same. */
import { createServer, connect as dial, type Socket } from 'node:net'
import { expect, test } from '../fixtures/test.ts'
import { nginx, nginxRules } from './nginx.ts'
import {
  type Box,
  beginLine,
  expectExact,
  expectTransport,
  openLine,
  type Place,
  send,
  startPlace,
} from './place.ts'
import { missing, startProgram } from './programs.ts'

/** A box that changes nothing, and counts what comes down. */
interface Scale extends Box {
  readonly bytes: number
}

async function startScale(target: number): Promise<Scale> {
  const sockets = new Set<Socket>()
  let bytes = 0
  const server = createServer(client => {
    const upstream = dial(target, '127.0.0.1')
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        client.destroy()
        upstream.destroy()
      })
    }
    upstream.on('data', chunk => {
      bytes += chunk.length
    })
    client.pipe(upstream).pipe(client)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  return {
    url: `http://127.0.0.1:${port}`,
    get bytes() {
      return bytes
    },
    async close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

/** nginx in front of the scale. */
async function startNginx(target: number): Promise<Scale> {
  const scale = await startScale(target)
  const program = await startProgram(nginx(Number(new URL(scale.url).port), nginxRules.passes))
  return {
    url: program.url,
    get bytes() {
      return scale.bytes
    },
    async close() {
      await program.close()
      await scale.close()
    },
  }
}

const ways = [
  ['directly', startScale],
  ['through nginx', startNginx],
] as const

for (const [name, way] of ways)
  for (const transport of ['websocket', 'eventsource', 'xhr-streaming', 'long-polling', 'jsonp'])
    test(`a history and bursts come ${name} over ${transport}, exact and in a third of the bytes`, async ({
      openPage,
    }) => {
      const why = way === startNginx ? missing(nginx(0, '')) : undefined
      test.skip(why !== undefined, why)
      await using place: Place<Scale> = await startPlace(way, { compression: ['lobby'] })
      await place.publish()
      const after = place.published[0]?.id as string
      await place.publish(300)
      const page = await openPage()
      await page.goto(`${place.box.url}/pages/line.html`)
      const before = place.box.bytes
      await beginLine(page, { transports: [transport], lastEventId: after })
      await expectTransport(page, transport)
      for (let round = 0; round < 5; round++) {
        await place.publish(200)
        await place.publish()
        await send(page)
        await page.waitFor(count => heard.length >= count, place.published.length - 1)
      }
      const text = place.published
        .map(({ id, data }) => `topic: lobby\nid: ${id}\ndata: ${data}\n\n`)
        .join('')
      expect(place.box.bytes - before).toBeLessThan(Buffer.byteLength(text) / 3)
      await expectExact(page, place, after)
    })

test('a box that holds streams back is left for polls, though what it holds is compressed', async ({
  openPage,
}) => {
  const why = missing(nginx(0, ''))
  test.skip(why !== undefined, why)
  await using place = await startPlace(target => startProgram(nginx(target, nginxRules.buffers)), {
    compression: ['lobby'],
  })
  const page = await openPage()
  await openLine(page, place, { transports: ['eventsource', 'xhr-streaming', 'long-polling'] })
  await expectTransport(page, 'long-polling')
  await place.publish(100)
  await send(page)
  await expectExact(page, place)
})

declare const heard: readonly unknown[]
