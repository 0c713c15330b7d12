/** docs/values.md, row by row, in Node. */
import { runInNewContext } from 'node:vm'
import { describe, expect, test, vi } from 'vitest'
import { createHub, memoryLog } from '../server/index.ts'
import type { Block } from '../src/wire/block.ts'
import { createParser } from '../src/wire/parser.ts'
import { unpack } from '../src/wire/payload.ts'
import { ack } from './support/blocks.ts'
import { type Asked, json, openLine, prove } from './support/line.ts'
import { rowsOf } from './support/values.ts'

/** A message as the table writes it. */
function told(payload: unknown): string {
  if (isBlock(payload)) return toldOfBlock(payload)
  if (typeof payload === 'string') return payload ? `text \`${payload}\`` : 'empty text'
  const bytes = [...new Uint8Array(payload as ArrayBuffer)].map(byte => byte.toString(16).padStart(2, '0'))
  return `bytes \`${bytes.join(' ')}\``
}

function isBlock(payload: unknown): payload is Block {
  return Object(payload).data !== undefined
}

function toldOfBlock({ data = '', encoding, type }: Block): string {
  return type === 'json' && encoding === undefined ? `value \`${data}\`` : told(unpack(data, encoding))
}

function evaluated(code: string): never {
  return new Function(`return (${code})`)() as never
}

async function sent(value: unknown, options: Asked = {}): Promise<unknown> {
  const { line, transport, world } = await openLine({ dialect: 'plain', ...options })
  transport.channel.opens()
  const outcome = line.send(value)
  await world.settle()
  if (transport.channel.sent.length > 0) transport.channel.takes()
  await outcome
  line.close()
  return transport.channel.sent[0]
}

/** The same on our own wire. */
async function sentToOurs(value: unknown): Promise<unknown> {
  const { line, transport, world } = await openLine()
  await prove(world, transport.channel)
  const outcome = line.send(value)
  await world.settle()
  const [block] = createParser().feed(transport.channel.sent.slice(1).join(''))
  if (block) transport.channel.brings(ack(1))
  await outcome
  line.close()
  return block
}

/** What it becomes, or the name of the error that refuses it. */
async function orRefused(act: () => Promise<unknown>): Promise<string> {
  try {
    return told(await act())
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError)
    expect((error as Error).message).toMatch(/^(send|data)\b|circular/)
    return 'TypeError'
  }
}

describe('a message', () => {
  test.each(rowsOf('Messages'))('$value', async ({ value, becomes }) => {
    expect(await orRefused(() => sentToOurs(evaluated(value)))).toBe(becomes.send)
    expect(await orRefused(() => sent(evaluated(value)))).toBe(becomes['to other servers'])
    expect(await orRefused(() => sent(evaluated(value), { codec: json }))).toBe(becomes['with json'])
    expect(await orRefused(() => published(evaluated(value)))).toBe(becomes['hub.publish'])
  })

  test('of bytes that are used again, shared, or of another realm is what they were when they were sent', async () => {
    const bytes = Uint8Array.of(1, 2, 3)
    const { line, transport } = await openLine({ dialect: 'plain' })
    const sends = [bytes, bytes.buffer, bytes.subarray(1), new DataView(bytes.buffer, 2)]
    const shared = new Uint8Array(new SharedArrayBuffer(2))
    shared[0] = 7
    const elsewhere = runInNewContext('new Uint8Array([8, 9])') as Uint8Array
    const all = [...sends, shared, shared.buffer, elsewhere, elsewhere.buffer].map(value => line.send(value))
    for (const each of [bytes, shared, elsewhere]) each.fill(0)
    transport.channel.opens()
    await Promise.resolve()
    for (const _ of all) transport.channel.takes()
    await Promise.all(all)
    expect(transport.channel.sent.map(told)).toEqual(
      ['01 02 03', '01 02 03', '02 03', '03', '07 00', '07 00', '08 09', '08 09'].map(
        each => `bytes \`${each}\``,
      ),
    )
    expect(transport.channel.sent.every(each => (each as unknown) instanceof ArrayBuffer)).toBe(true)
    line.close()
  })

  test('of another realm is refused or taken as one of this', async () => {
    const there = (code: string) => runInNewContext(code) as unknown
    expect(await orRefused(() => sent(there('({ a: [1, "x"], d: new Date(0) })')))).toBe(
      'text `{"a":[1,"x"],"d":"1970-01-01T00:00:00.000Z"}`',
    )
    for (const code of ['new Map()', '({ a: new Set() })', 'Promise.resolve()', 'new Date(NaN)'])
      expect(await orRefused(() => sent(there(code)))).toBe('TypeError')
  })

  test('that a codec makes neither text nor bytes of is refused, and the next one goes', async () => {
    const { line, transport } = await openLine({
      dialect: 'plain',
      codec: { encode: value => value as string, decode: payload => payload },
    })
    for (const value of [Promise.resolve('x'), 5, undefined, null, { a: 1 }, new Blob(['x'])]) {
      await expect(line.send(value)).rejects.toThrow(/codec's encode gave/)
    }
    transport.channel.opens()
    const next = line.send('x')
    await Promise.resolve()
    transport.channel.takes()
    await next
    expect(line.bufferedAmount).toBe(0)
    line.close()
  })
})

async function published(value: never): Promise<unknown> {
  const log = memoryLog()
  const hub = createHub({ log })
  try {
    const { start } = await log.after(undefined, ['topic'])
    await hub.publish('topic', value)
    const { entries } = await log.after(start, ['topic'])
    return createParser().feed(entries.map(({ text }) => text).join(''))[0]
  } finally {
    await hub.close()
  }
}

describe('an option', () => {
  test.each(rowsOf('Parameters and headers'))('$value', async ({ value, becomes }) => {
    expect(await asked({ params: evaluated(value) }, url => new URL(url).search.slice(1))).toBe(
      becomes.params,
    )
    expect(await asked({ headers: evaluated(value) }, (_, headers) => headers)).toBe(becomes.headers)
  })

  test('that is a function is read like what it gives, each time', async () => {
    const printed = vi.spyOn(console, 'error').mockImplementation(() => {})
    const given = [new URLSearchParams('a=1'), Promise.resolve({}), [['a', 3]]]
    const { transport, heard, world } = await openLine({
      dialect: 'plain',
      params: () => given.shift() as never,
    })
    expect(transport.channel.asked.url).toMatch(/\?a=1$/)
    transport.channel.ends()
    await world.fire('online')
    expect(heard).toEqual(['error cut'])
    // What it gave last has to do.
    expect(transport.channel.asked.url).toMatch(/\?a=1$/)
    transport.channel.ends()
    await world.fire('online')
    expect(transport.channel.asked.url).toMatch(/\?a=3$/)
    // Where there is nobody to be told it is printed, and ends nothing.
    await vi.waitFor(() => expect(String(printed.mock.calls[0])).toContain('[object Promise]'), {
      timeout: 30_000,
    })
    printed.mockRestore()
  })
})

async function asked(options: Asked, what: (url: string, headers: string) => string): Promise<string> {
  try {
    const { line, transport } = await openLine({ dialect: 'plain', ...options })
    const { url, headers } = transport.channel.asked
    line.close()
    const usual = ['text/event-stream', 'no-cache']
    const own = Object.entries(headers).filter(([, text]) => !usual.includes(text))
    return `\`${what(url, own.map(([name, text]) => `${name}: ${text}`).join(', '))}\``
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError)
    expect((error as Error).message).toMatch(/the option "(params|headers)"/)
    return 'TypeError'
  }
}
