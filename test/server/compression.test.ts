/** What goes in gzip: the answers to polls and JSONP, and streams. What goes by WebSocket is in deflate.test.ts. */
import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { createGunzip, gunzipSync } from 'node:zlib'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { takesGzip } from '../../server/http/encodings.ts'
import { createHub, type HubOptions } from '../../server/index.ts'
import { gzipOf, plainPart } from '../../server/wire/compression.ts'
import { address, ask, called, onNode, parse, type Query, type Stand, stand } from './harness.ts'

const burst = Array.from({ length: 40 }, (_, n) => `message ${n} says 안녕 and what the one before has said`)

interface Packed {
  readonly headers: http.IncomingHttpHeaders
  /** As it came. */
  readonly bytes: Buffer
  readonly text: string
}

/** One poll, as it is on the wire. */
async function poll(at: Stand, query: Query, accepts = 'gzip'): Promise<Packed> {
  const url = address(at, { 'rt.via': 'long-polling', ...query })
  const headers = { referer: `http://${at.host}/`, ...(accepts && { 'accept-encoding': accepts }) }
  const request = http.get(url, { headers, agent: false })
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const pieces: Buffer[] = []
  for await (const piece of response) pieces.push(piece)
  const bytes = Buffer.concat(pieces)
  const isPacked = response.headers['content-encoding'] === 'gzip'
  return { headers: response.headers, bytes, text: (isPacked ? gunzipSync(bytes) : bytes).toString() }
}

/** A hub whose topic x keeps a burst, and the id before it. */
async function filled(options: HubOptions): Promise<{ at: Stand; first: string }> {
  const at = await stand(options)
  const first = `${await at.hub.publish('x', 'the first')}`
  for (const text of burst) await at.hub.publish('x', text)
  return { at, first }
}

function dataOf(text: string): (string | undefined)[] {
  return parse(text)
    .filter(({ event }) => event === undefined)
    .map(({ data }) => data)
}

describe('the answer to a poll', () => {
  it('with a history is in gzip, and no browser or cache can mistake it', async () => {
    const { at, first } = await filled({ compression: true })
    const { headers, bytes, text } = await poll(at, { 'rt.id': first })
    expect(headers).toMatchObject({
      'content-encoding': 'gzip',
      'content-length': `${bytes.length}`,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
      vary: 'Origin, Accept-Encoding',
    })
    expect(dataOf(text)).toEqual(burst)
    expect(bytes.length).toBeLessThan(Buffer.byteLength(text) / 2.5)
    // What the session alone is told stands in it as it is.
    expect(parse(text)[0]).toMatchObject({ event: 'rt.open' })
    expect(bytes.toString('latin1')).toContain(/"session":"[^"]+"/.exec(text)?.[0])
    expect(bytes.toString('latin1')).not.toContain('message 1 says')
  })

  it('that goes on while there is more is one text in gzip', async () => {
    const at = await stand({ compression: true, retain: 10_001 })
    const texts = Array.from({ length: 10_000 }, (_, n) => `message ${n} says what the one before has said`)
    const first = `${await at.hub.publish('x', 'the first')}`
    for (const text of texts) void at.hub.publish('x', text)
    const heard: (string | undefined)[] = []
    const answers: Packed[] = []
    // A machine that stands still for half a second gives the rest with the next answer.
    for (let id = first; heard.length < texts.length; ) {
      const answer = await poll(at, { 'rt.id': id })
      answers.push(answer)
      heard.push(...dataOf(answer.text))
      id = parse(answer.text).findLast(block => block.id)?.id ?? id
    }
    expect(heard).toEqual(texts)
    for (const { headers, bytes, text } of answers) {
      expect(headers['content-encoding']).toBe('gzip')
      expect(bytes.length * 2).toBeLessThan(text.length)
    }
  })

  it('with a single small message is as it is', async () => {
    const at = await stand({ compression: true })
    const first = `${await at.hub.publish('x', 'the first')}`
    await at.hub.publish('x', 'small')
    const { headers, text } = await poll(at, { 'rt.id': first })
    expect(headers['content-encoding']).toBeUndefined()
    expect(headers.vary).toBe('Origin, Accept-Encoding')
    expect(dataOf(text)).toEqual(['small'])
  })

  it.each([
    ['nothing', '', false],
    ['gzip;q=0', 'gzip;q=0, *', false],
    ['another coding', 'br, zstd', false],
    ['identity', 'identity', false],
    ['all', 'br, *;q=0.5', true],
    ['gzip with a weight', 'br;q=1.0, gzip;q=0.8', true],
  ])('is in gzip only for those who take it: %s', async (_, accepts, isPacked) => {
    const { at, first } = await filled({ compression: true })
    const { headers, text } = await poll(at, { 'rt.id': first }, accepts)
    expect(headers['content-encoding']).toBe(isPacked ? 'gzip' : undefined)
    expect(dataOf(text)).toEqual(burst)
  })

  it.each<[string, HubOptions]>([
    ['of a hub that compresses nothing', {}],
    ['of a topic that was not named', { compression: ['y'] }],
  ])('%s is as it is', async (_, options) => {
    const { at, first } = await filled(options)
    const { headers, text } = await poll(at, { 'rt.id': first })
    expect(headers['content-encoding']).toBeUndefined()
    expect(dataOf(text)).toEqual(burst)
  })

  it('by JSONP is a script that is compressed outside of what the session alone is told', async () => {
    const { at, first } = await filled({ compression: ['x'] })
    const query = { 'rt.via': 'jsonp', 'rt.cb': '_rt1', 'rt.id': first }
    const packed = await poll(at, query)
    expect(packed.headers).toMatchObject({
      'content-encoding': 'gzip',
      'content-type': 'text/javascript; charset=utf-8',
    })
    expect(dataOf(called(packed.text))).toEqual(burst)
    const bare = await poll(at, query, '')
    const withoutSession = (text: string) => called(text).replace(/"session":"[^"]+"/, '')
    expect(withoutSession(packed.text)).toBe(withoutSession(bare.text))
    expect(packed.bytes.toString('latin1')).toContain('session')
    expect(packed.bytes.toString('latin1')).not.toContain('message 1 says')
  })

  it.runIf(onNode)('by HTTP/2 is the same', async () => {
    const hub = createHub({ compression: true })
    const server = http2.createServer(
      (request, response) => void hub.handle(request as never, response as never),
    )
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
    const session = http2.connect(`http://${host}`)
    onTestFinished(async () => {
      session.destroy()
      await hub.close()
      server.close()
    })
    const first = `${await hub.publish('x', 'the first')}`
    for (const text of burst) await hub.publish('x', text)
    const { pathname, search } = new URL(
      address({ host } as Stand, { 'rt.via': 'long-polling', 'rt.id': first }),
    )
    const stream = session.request({ ':path': pathname + search, 'accept-encoding': 'gzip' })
    const [headers] = await once(stream, 'response')
    const pieces: Buffer[] = []
    for await (const piece of stream) pieces.push(piece)
    const bytes = Buffer.concat(pieces)
    expect(headers).toMatchObject({ 'content-encoding': 'gzip', 'content-length': `${bytes.length}` })
    expect(dataOf(gunzipSync(bytes).toString())).toEqual(burst)
  })
})

interface Streamed {
  readonly headers: http.IncomingHttpHeaders
  /** What has come, as it is on the wire, and what it says. */
  bytes(): Buffer
  text(): string
  /** Settles once all has come. Rejects where the end is missing, or its sum is another one. */
  readonly ended: Promise<unknown>
}

async function stream(at: Stand, query: Query, accepts = 'gzip'): Promise<Streamed> {
  const url = address(at, { 'rt.via': 'xhr-streaming', ...query })
  const request = http.get(url, { headers: accepts ? { 'accept-encoding': accepts } : {}, agent: false })
  onTestFinished(() => void request.destroy())
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const pieces: Buffer[] = []
  let text = ''
  response.on('data', piece => pieces.push(piece))
  const isPacked = response.headers['content-encoding'] === 'gzip'
  const read = isPacked ? response.pipe(createGunzip()) : response
  read.on('data', piece => {
    text += piece
  })
  const ended = once(read, 'end')
  ended.catch(() => {})
  return { headers: response.headers, bytes: () => Buffer.concat(pieces), text: () => text, ended }
}

describe('a stream', () => {
  const told = (at: Streamed, words: string) => vi.waitFor(() => expect(at.text()).toContain(words))

  it('in gzip has lone messages as they are, at once, and bursts compressed', async () => {
    const at = await stand({ compression: true })
    const heard = await stream(at, {})
    expect(heard.headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'Origin, Accept-Encoding' })
    await told(heard, 'rt.open')
    for (let n = 0; n < 5; n++) {
      await at.hub.publish('x', `lone ${n}`)
      await told(heard, `lone ${n}`)
      expect(heard.bytes().toString('latin1')).toContain(`lone ${n}`)
    }
    const before = heard.bytes().length
    for (const text of burst) await at.hub.publish('x', text)
    await told(heard, 'message 39')
    expect(heard.bytes().length - before).toBeLessThan(Buffer.byteLength(burst.join('')) / 2)
    expect(heard.bytes().toString('latin1')).not.toContain('message 1 says')
    expect(dataOf(heard.text())).toEqual([...Array.from({ length: 5 }, (_, n) => `lone ${n}`), ...burst])
  })

  it('is whole at its end, with the sum and size of all of it', async () => {
    const { at, first } = await filled({ compression: true })
    const heard = await stream(at, { 'rt.id': first })
    await told(heard, 'message 39')
    at.hub.disconnect({ topic: 'x' })
    await heard.ended
    expect(dataOf(heard.text())).toEqual(burst)
  })

  it('for an EventSource is wrapped, and compressed so', async () => {
    const { at, first } = await filled({ compression: true })
    const heard = await stream(at, { 'rt.via': 'eventsource', 'rt.id': first })
    await told(heard, 'message 39')
    const inner = parse(heard.text()).map(({ data }) => data ?? '')
    expect(dataOf(inner.join(''))).toEqual(burst)
    expect(heard.bytes().length).toBeLessThan(Buffer.byteLength(heard.text()) / 2)
    expect(heard.bytes().toString('latin1')).toContain('"session"')
  })

  it.each<[string, HubOptions, Query, string]>([
    ['for who does not take gzip', { compression: true }, {}, 'gzip;q=0'],
    ['of a hub that compresses nothing', {}, {}, 'gzip'],
    ['for a page’s own EventSource', { compression: true }, { 'rt.via': undefined }, 'gzip'],
    ['in a frame', { compression: true }, { 'rt.via': 'iframe' }, 'gzip'],
  ])('%s is as it is', async (_, options, query, accepts) => {
    const { at, first } = await filled(options)
    const heard = await stream(at, { 'rt.id': first, ...query }, accepts)
    await told(heard, 'message 39')
    expect(heard.headers['content-encoding']).toBeUndefined()
    expect(heard.bytes().toString()).toContain('message 1 says')
  })
})

it('a POST that is compressed is refused before any of it is unpacked', async () => {
  const { at } = await filled({ compression: true })
  const headers = { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' }
  for (const via of ['post', 'query']) {
    const url = address(at, { 'rt.via': via, 'rt.sid': 'whoever' })
    const { status, text } = await ask(url, { method: 'POST', headers, body: 'id: 1\ndata: a\n\n' })
    expect({ via, status }).toEqual({ via, status: 415 })
    expect(text).toContain('Content-Encoding')
  }
})

describe('Accept-Encoding', () => {
  it.each<[string | undefined, boolean]>([
    [undefined, false],
    ['', false],
    ['gzip', true],
    ['GZIP', true],
    ['x-gzip', true],
    ['deflate, gzip', true],
    ['gzip ; q=0.001', true],
    ['gzip; Q=1', true],
    ['gzip;q=0', false],
    ['gzip;q=0.000', false],
    ['gzip;q=high', false],
    ['gzip;q=0, *;q=1', false],
    ['*', true],
    ['*;q=0', false],
    ['identity;q=0', false],
    ['gzipped', false],
  ])('%s', (accepted, takes) => {
    expect(takesGzip(accepted)).toBe(takes)
  })
})

describe('a text in gzip', () => {
  it.each([0, 1, 65_535, 65_536, 200_000])('of %i bytes that stay as they are is whole', length => {
    const text = 'x'.repeat(length)
    expect(gunzipSync(gzipOf([plainPart(text)])).toString()).toBe(text)
  })

  it('of many parts is what they are one after the other', () => {
    const texts = ['a', '안녕', 'c'.repeat(70_000), '']
    expect(gunzipSync(gzipOf(texts.map(plainPart))).toString()).toBe(texts.join(''))
  })
})
