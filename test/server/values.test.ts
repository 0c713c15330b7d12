/** Values go both ways between a line and a hub, and texts stay texts. */
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { WebSocket } from 'ws'
import { connect, json, native, websocket } from '../../src/core.ts'
import { fetchStreaming } from '../../src/transports/fetch-streaming.ts'
import { listen, parse, post, type Stand, stand } from './harness.ts'

/** What JSON can hold and gives back as it was. */
const value = fc.jsonValue().map(value => JSON.parse(JSON.stringify(value)) as object)
const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  value.map(each => JSON.stringify(each)),
  fc.constantFrom('\r\0\\', ''),
)

function open({ host }: Stand, transport: typeof websocket, codec?: typeof json) {
  const environment = { WebSocket }
  const line = connect<Record<string, unknown>>(`http://${host}/live?topic=x`, {
    transport,
    dialect: native,
    environment,
    ...(codec && { codec }),
  })
  onTestFinished(() => line.close())
  return line
}

describe.each([
  ['websocket', websocket],
  ['fetch-streaming and POST', fetchStreaming],
])('over %s', (_, transport) => {
  it('what a page sends is to the server what it was, and what the server says is so to the page', async () => {
    const at = await stand()
    const taken: unknown[] = []
    at.hub.on('message', ({ data, reply }) => {
      taken.push(data)
      return reply(data)
    })
    const line = open(at, transport)
    const heard: unknown[] = []
    let wake = () => {}
    line.onmessage = ({ data }) => {
      heard.push(data)
      wake()
    }
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(value, text), { minLength: 1, maxLength: 10 }), async all => {
        taken.length = heard.length = 0
        await Promise.all(all.map(each => line.send(each)))
        while (heard.length < all.length)
          await new Promise<void>(resolve => {
            wake = resolve
          })
        expect(taken).toEqual(all)
        expect(heard).toEqual(all)
      }),
      { numRuns: 50 },
    )
  })

  it('a page with the codec json sends and hears texts, as ever', async () => {
    const at = await stand()
    const taken: unknown[] = []
    at.hub.on('message', ({ data, reply }) => {
      taken.push(data)
      return reply({ value: data })
    })
    const line = open(at, transport, json)
    const heard = new Promise(resolve => {
      line.onmessage = event => resolve(event.data)
    })
    await line.send({ a: 1 })
    expect(taken).toEqual(['{"a":1}'])
    expect(await heard).toEqual({ value: '{"a":1}' })
  })
})

it('a value is published, replied and sent with its type, and texts and bytes with none', async () => {
  const at = await stand()
  at.hub.on('message', async ({ data, session, reply }) => {
    await reply(data)
    await session.send([data], { event: 'own' })
  })
  const ear = listen(at, 'xhr-streaming')
  const { session } = await ear.opened()
  await post(at, session, 'id: 1\ntype: json\ndata: {"a":\ndata: 1}\n\n')
  await at.hub.publish('x', '{"a":1}')
  await at.hub.publish('x', new TextEncoder().encode('x'))
  await at.hub.publish('x', null)
  const found = [await ear.next('message'), await ear.next('own')]
  for (let more = 3; more--; ) found.push(await ear.next('message'))
  expect(found.map(({ data, type, encoding }) => [type, encoding, data])).toEqual([
    ['json', undefined, '{"a":1}'],
    ['json', undefined, '[{"a":1}]'],
    [undefined, undefined, '{"a":1}'],
    [undefined, 'base64', 'eA=='],
    ['json', undefined, 'null'],
  ])
})

it('a type that is not known is read as text', async () => {
  const at = await stand()
  const taken: unknown[] = []
  at.hub.on('message', ({ data }) => taken.push(data))
  const { session } = await listen(at, 'xhr-streaming').opened()
  const answer = await post(at, session, 'id: 1\ntype: cbor\ndata: {"a":1}\n\n')
  expect(parse(answer.text)).toMatchObject([{ event: 'rt.ack', data: '1' }])
  expect(taken).toEqual(['{"a":1}'])
})
