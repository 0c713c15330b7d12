import { expect, test } from 'vitest'
import type { Reader } from '../../src/contracts/dialect.ts'
import { plain } from '../../src/dialects/plain.ts'
import { multipart } from '../../src/transports/multipart.ts'
import { transportContract } from '../contracts/transport.ts'
import { openChannel } from '../support/channel.ts'
import { vary } from '../support/dialects.ts'

transportContract({
  transport: multipart,
  parts: () => ({ fetch }),
  acceptsFirst: true,
  showsCuts: true,
  aborts: true,
  answersSends: true,
})

interface Asked {
  url: string
  headers: Record<string, string>
}

/** A channel whose answer is this, each text a chunk of its own; and all that it heard, to the end. */
async function hear(
  chunks: string[],
  { dialect = plain, type = 'multipart/mixed; boundary=b', status = 200 } = {},
) {
  const asked: Asked[] = []
  const stage = openChannel(multipart, dialect, {
    fetch: async (url, init?: RequestInit) => {
      asked.push({ url: `${url}`, headers: init?.headers as Record<string, string> })
      if (asked.length > 1) return new Promise<never>(() => {})
      const body = new ReadableStream({
        start(controller) {
          for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk))
          controller.close()
        },
      })
      return new Response(body, { status, headers: { 'Content-Type': type } })
    },
  })
  await stage.world.pass(0)
  return { ...stage, asked }
}

test('a part is one message, whose text is as it is', async () => {
  const { heard } = await hear([
    '--b\r\nContent-Type: text/plain\r\n\r\n{"a":1}\r\n',
    '\r\n--b\r\n\r\n안녕\r\n--b--',
  ])
  expect(heard.filter(said => said.includes('='))).toEqual([
    'blocks undefined={"a":1}\r\n',
    'blocks undefined=안녕',
  ])
})

test('a part that is an event stream holds blocks, and they come before it ends', async () => {
  const { heard } = await hear([
    '--b\r\nContent-Type: text/event-stream\r\n\r\nid: 1\ndata: one\n\nid: 2\ndata: two\n\ndata: half',
  ])
  expect(heard.filter(said => said.includes('='))).toEqual(['blocks 1=one 2=two'])
})

test('a part that is not whole at the end is dropped', async () => {
  const { heard } = await hear(['--b\r\n\r\nwhole\r\n--b\r\n\r\nhalf'])
  expect(heard.filter(said => said.includes('='))).toEqual(['blocks undefined=whole'])
  expect(heard.at(-1)).toBe('ended ended')
})

test('the headers of a part go to the reader of a dialect that judges by them', async () => {
  const reader = (): Reader => {
    let id: string | undefined
    let data = ''
    return {
      head({ header }) {
        id = `${Date.parse(header('Last-Modified') ?? '') / 1_000}:${header('Etag')}`
        return undefined
      },
      feed(chunk) {
        data += chunk
        return []
      },
      end: () => [{ id, data, event: undefined, retry: undefined, encoding: undefined }],
    }
  }
  const dialect = vary(plain, { framing: { reader } })
  const part = '--b\r\nLast-Modified: Thu, 01 Jan 1970 00:00:07 GMT\r\nEtag: 3\r\n\r\nhello\r\n--b\r\n'
  const { heard } = await hear([part], { dialect })
  expect(heard).toContain('blocks 7:3=hello')
})

test('a response that ends is followed by the next where that continues it', async () => {
  const { asked, heard, channel } = await hear(['--b\r\n\r\none\r\n--b--'], {
    dialect: vary(plain, { policy: { resumesCleanEnd: true } }),
  })
  expect(asked).toHaveLength(2)
  expect(heard).toEqual(['opened multipart', 'blocks', 'blocks undefined=one'])
  channel.close()
})

test('multipart is what is asked for, unless the dialect knows better', async () => {
  const usual = await hear([])
  expect(usual.asked[0]?.headers.Accept).toBe('multipart/mixed, multipart/x-mixed-replace;q=0.5')
  const buildRequest = () => ({ url: 'https://host.test/', headers: { Accept: 'multipart/mixed' } })
  const dialect = vary(plain, { addressing: { buildRequest } })
  expect((await hear([], { dialect })).asked[0]?.headers.Accept).toBe('multipart/mixed')
})

test.each([
  [200, 'text/html', { kind: 'content' }],
  [200, 'multipart/mixed', { kind: 'content' }],
  [503, 'multipart/mixed; boundary=b', { kind: 'status', status: 503 }],
])('an answer with status %i and type %j is none', async (status, type, failure) => {
  const { failures, heard } = await hear([], { status, type })
  expect(heard).toHaveLength(1)
  expect(failures[0]).toMatchObject(failure)
})

test('a part that is too large is handed over without its data, and the next one is read', async () => {
  const { heard } = await hear([`--b\r\n\r\n${'x'.repeat(2 ** 23 + 1)}\r\n--b\r\n\r\nsmall\r\n--b--`])
  expect(heard).toContain('blocks undefined=')
  expect(heard).toContain('blocks undefined=small')
})

test('a header without an end ends it', async () => {
  const { heard } = await hear([`--b\r\n${'x'.repeat(20_000)}`])
  expect(heard.at(-1)).toBe('ended overflow')
})
