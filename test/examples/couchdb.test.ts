import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { couchdb } from '../../docs/examples/couchdb.ts'
import type { Incoming, Reader } from '../../src/core.ts'
import { connect } from '../../src/core.ts'
import { fetchStreaming } from '../../src/transports/fetch-streaming.ts'

const change = (seq: string, id: string) => `{"seq":"${seq}","id":"${id}","changes":[{"rev":"1-a"}]}\n`

describe('its reader', () => {
  const read = (...chunks: string[]) => {
    const reader: Reader = couchdb.framing.reader({ kind: 'stream' }, undefined, 100)
    return chunks.flatMap(chunk => reader.feed(chunk)) as Incoming[]
  }

  test('gives a block for each line, however the text is cut', () => {
    const text = `${change('1-x', 'a')}\n${change('2-x', 'b')}{"last_seq":"3-x","pending":0}\n`
    for (let at = 0; at <= text.length; at++)
      expect(
        read(text.slice(0, at), text.slice(at)).map(({ id, data }) => [id, data && JSON.parse(data).id]),
      ).toEqual([
        ['1-x', 'a'],
        ['2-x', 'b'],
        ['3-x', undefined],
      ])
  })

  test('tells the place of a line that is too large, and not its data', () => {
    const large = change('2-x', 'b'.repeat(200))
    const [first, second, third] = read(
      change('1-x', 'a'),
      large.slice(0, 150),
      large.slice(150),
      change('3-x', 'c'),
    )
    expect(second).toEqual({ id: '2-x', event: undefined, data: '', oversized: true })
    expect([first?.id, third?.id]).toEqual(['1-x', '3-x'])
  })

  test('reads numbers too, as CouchDB 1 and PouchDB give them', () => {
    expect(read('{"seq":17,"id":"a"}\n')[0]?.id).toBe('17')
  })
})

test('a line hears each change once, over cuts', async () => {
  const database = await openDatabase()
  const heard: string[] = []
  const line = open(database.url)
  await new Promise(resolve => line.addEventListener('open', resolve, { once: true }))
  line.onmessage = ({ data }) => heard.push(data.id)
  for (let number = 1; number <= 6; number++) {
    database.put(`doc${number}`)
    await expect.poll(() => heard.length, { timeout: 30_000 }).toBe(number)
    if (number % 2 === 0) database.cut()
  }
  expect(heard).toEqual(['doc1', 'doc2', 'doc3', 'doc4', 'doc5', 'doc6'])
  expect(line.lastEventId).toBe('6-x')
})

test('a line sends documents, and goes on where an earlier one was', async () => {
  const database = await openDatabase()
  for (const id of ['a', 'b', 'c']) database.put(id)
  const heard: string[] = []
  const line = open(database.url, '1-x')
  line.onmessage = ({ data }) => heard.push(data.id)
  await line.send({ _id: 'd' })
  await expect.poll(() => heard.join(), { timeout: 30_000 }).toBe('b,c,d')
})

function open(url: string, lastEventId = '') {
  const environment = { random: () => 0 }
  const line = connect<{ message: { id: string } }>(url, {
    transport: fetchStreaming,
    dialect: couchdb,
    lastEventId,
    retry: 10,
    environment,
  })
  onTestFinished(() => line.close())
  return line
}

/** A database as far as the feed is concerned. */
async function openDatabase() {
  const ids: string[] = []
  const listeners = new Set<ServerResponse>()
  const put = (id: string) => {
    ids.push(id)
    for (const response of listeners) response.write(change(`${ids.length}-x`, id))
  }
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://host')
    if (request.method === 'POST') {
      let text = ''
      for await (const piece of request.setEncoding('utf8')) text += piece
      put(JSON.parse(text)._id)
      response.writeHead(201, { 'Content-Type': 'application/json' }).end('{"ok":true}')
    } else if (pathname === '/db/_changes' && searchParams.get('feed') === 'continuous') {
      response.writeHead(200, { 'Content-Type': 'application/json' })
      response.flushHeaders()
      const since = searchParams.get('since')
      const from = since === 'now' ? ids.length : Number.parseInt(since ?? '0', 10)
      for (let at = from; at < ids.length; at++) response.write(change(`${at + 1}-x`, ids[at] as string))
      listeners.add(response)
      response.once('close', () => listeners.delete(response))
    } else response.writeHead(404).end()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/db`,
    put,
    cut() {
      for (const response of listeners) response.destroy()
    },
  }
}
