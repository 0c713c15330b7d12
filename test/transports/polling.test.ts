import { beforeEach, describe, expect, test } from 'vitest'
import type { Dialect, Reader } from '../../src/contracts/dialect.ts'
import { plain } from '../../src/dialects/plain.ts'
import { type PollingOptions, polling } from '../../src/transports/polling.ts'
import { transportContract } from '../contracts/transport.ts'
import { openChannel } from '../support/channel.ts'
import { ours, vary } from '../support/dialects.ts'
import { FakeXhr } from '../support/xhr.ts'

transportContract({
  transport: polling({ every: 1 }),
  parts: page => ({ XMLHttpRequest: page.XMLHttpRequest }),
  acceptsFirst: true,
  showsCuts: true,
  aborts: true,
  answersSends: true,
})

beforeEach(() => {
  FakeXhr.all = []
})

function begin(options?: PollingOptions, dialect: Dialect = plain) {
  const stage = openChannel(polling(options), dialect, { XMLHttpRequest: FakeXhr as never })
  return {
    ...stage,
    /** The latest request is answered, and the next one is made when it is time. */
    async answers(text: string, headers: Record<string, string> = {}, status = 200) {
      const xhr = FakeXhr.all.at(-1) as FakeXhr
      xhr.answers(status, { 'content-type': 'text/plain', ...headers })
      if (text) xhr.brings(text)
      xhr.ends()
      await stage.world.pass(options?.every ?? 5_000)
    },
    latest: () => FakeXhr.all.at(-1) as FakeXhr,
  }
}

const stream = { 'content-type': 'text/event-stream' }

describe('the next request', () => {
  test('follows each answer after 5 s', async () => {
    const { world } = begin()
    const xhr = FakeXhr.all[0] as FakeXhr
    xhr.answers()
    xhr.ends()
    await world.pass(4_999)
    expect(FakeXhr.all).toHaveLength(1)
    await world.pass(1)
    expect(FakeXhr.all).toHaveLength(2)
  })

  test('follows after the retry that the server told', async () => {
    const { answers, world } = begin({ every: 100 })
    await answers('retry: 800\n\n', stream)
    expect(FakeXhr.all).toHaveLength(1)
    await world.pass(700)
    expect(FakeXhr.all).toHaveLength(2)
  })

  test('follows at once where one answer brings one of many, and after a pause when it brought none', async () => {
    const { answers, world } = begin({ every: 100 }, vary(plain, { policy: { resumesCleanEnd: true } }))
    const xhr = FakeXhr.all[0] as FakeXhr
    xhr.answers()
    xhr.brings('data: a\n\n')
    xhr.ends()
    await world.pass(0)
    expect(FakeXhr.all).toHaveLength(2)
    await answers('', stream)
    expect(FakeXhr.all).toHaveLength(3)
  })

  test('is not made after close()', async () => {
    const { channel, world } = begin()
    FakeXhr.all[0]?.answers()
    FakeXhr.all[0]?.ends()
    channel.close()
    await world.pass(60_000)
    expect(FakeXhr.all).toHaveLength(1)
    expect(world.timers).toBe(0)
  })
})

describe('an answer that is no event stream', () => {
  test('is one message, and no other while it stays the same', async () => {
    const { answers, heard } = begin()
    await answers('{"home":0}')
    await answers('{"home":0}')
    await answers('{"home":1}')
    await answers('{"home":0}')
    expect(heard.filter(said => said.includes('='))).toEqual([
      'blocks undefined={"home":0}',
      'blocks undefined={"home":1}',
      'blocks undefined={"home":0}',
    ])
    expect(heard.filter(said => said.startsWith('opened'))).toHaveLength(1)
  })

  test('is asked for with its ETag, and 304 brings nothing', async () => {
    const { answers, heard, latest } = begin()
    expect(latest().sent).not.toHaveProperty('If-None-Match')
    await answers('a', { etag: '"1"' })
    expect(latest().sent['If-None-Match']).toBe('"1"')
    await answers('', { etag: '"1"' }, 304)
    expect(latest().sent['If-None-Match']).toBe('"1"')
    await answers('b', { etag: 'W/"2"' })
    expect(latest().sent['If-None-Match']).toBe('W/"2"')
    await answers('c')
    expect(latest().sent).not.toHaveProperty('If-None-Match')
    expect(heard.filter(said => said.includes('='))).toEqual(
      ['a', 'b', 'c'].map(text => `blocks undefined=${text}`),
    )
  })

  test('is not taken for a message if it is a page: a login, or a box between', async () => {
    const { answers, heard } = begin()
    await answers('<html>', { 'content-type': 'text/html; charset=utf-8' })
    expect(heard).toEqual(['ended content'])
  })

  test('is not kept if it is too large, and the next one is read', async () => {
    const { answers, heard } = begin()
    await answers('x'.repeat(2 ** 23 + 1))
    expect(heard.at(-1)).toBe('blocks undefined=')
    await answers('small')
    expect(heard.at(-1)).toBe('blocks undefined=small')
  })
})

describe('a token', () => {
  const token = { every: 100, token: 'inputTime' }
  const asked = (xhr: FakeXhr) => new URL(xhr.url).searchParams.get('inputTime')

  test('is the last id of an event stream, in the address and in no header', async () => {
    const { answers, latest, position } = begin(token)
    expect(asked(latest())).toBeNull()
    position.cursor = '17' // the line has heard the block
    await answers('id: 17\ndata: a\n\n', stream)
    expect(asked(latest())).toBe('17')
    expect(latest().sent).not.toHaveProperty('Last-Event-ID')
  })

  test('is what a JSON object has under its name, be it a number', async () => {
    const { answers, heard } = begin(token)
    await answers('{"inputTime":17,"news":["a"]}')
    expect(heard).toContain('blocks 17={"inputTime":17,"news":["a"]}')
  })

  test.each(['[1]', 'null', '"a"', '{', '{"other":1}', '{"inputTime":null}', ''])(
    'is not in %j, which is a message all the same',
    async text => {
      const { answers, heard } = begin(token)
      await answers(text)
      expect(heard).toContain(`blocks undefined=${text}`)
    },
  )

  test('that an answer names again says that nothing is new', async () => {
    const { answers, heard, position } = begin(token)
    await answers('{"inputTime":17,"news":["a"]}')
    position.cursor = '17'
    await answers('{"inputTime":16,"news":[]}')
    const before = heard.length
    await answers('{"inputTime":17,"news":[]}')
    expect(heard.slice(before).filter(said => said.includes('='))).toEqual([])
  })

  test('leaves the rest of the address as it is', async () => {
    const { answers, latest, position } = begin(token)
    position.cursor = 'a&b=c'
    await answers('')
    expect(new URL(latest().url).search).toBe('?inputTime=a%26b%3Dc')
  })
})

test.each([204, 403, 404, 502])('an answer with status %i is a failure', async status => {
  const { answers, failures } = begin()
  await answers('', {}, status)
  expect(failures[0]).toMatchObject({ kind: 'status', status })
})

test('a reader that judges by heads is left to do so', async () => {
  const heads: number[] = []
  const reader = (): Reader => ({
    ...plain.framing.reader(ours('polling')),
    head({ status }) {
      heads.push(status)
      return undefined
    },
  })
  const dialect = vary(plain, { framing: { reader } })
  const { answers, heard } = begin({}, dialect)
  await answers('data: a\n\n', {}, 408)
  expect(heads).toEqual([408])
  expect(heard).toContain('blocks undefined=a')
})
