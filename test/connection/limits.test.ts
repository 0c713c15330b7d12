import { expect, test } from 'vitest'
import { longPolling, xhrStreaming } from '../../src/core.ts'
import { nchan } from '../../src/dialects/nchan.ts'
import { plain } from '../../src/dialects/plain.ts'
import { polling } from '../../src/transports/polling.ts'
import { message, pong, welcome } from '../support/blocks.ts'
import { type Asked, openLine } from '../support/line.ts'
import { createWorld } from '../support/world.ts'
import { FakeXhr } from '../support/xhr.ts'

/** A line over requests whose answers the test gives. */
async function begin(options: Asked) {
  FakeXhr.all = []
  const world = createWorld({ XMLHttpRequest: FakeXhr as never })
  const stage = await openLine({ world, ...options })
  const gaps: unknown[] = []
  stage.line.addEventListener('gap', ({ reason, from, to }) => gaps.push({ reason, from, to }))
  const latest = () => FakeXhr.all.at(-1) as FakeXhr
  return { ...stage, gaps, latest }
}

const large = 'x'.repeat(2_000)
const limits = { received: 1_000 }

test('an event of 1.2 MB is heard as an EventSource hears it', async () => {
  const { heard, latest } = await begin({ dialect: plain, transports: [xhrStreaming] })
  latest().answers()
  latest().brings(`id: 1\ndata: ${'x'.repeat(1_200_000)}\n\nid: 2\ndata: next\n\n`)
  expect(heard.map(each => each.length)).toEqual([
    'open by xhr-streaming'.length,
    8 + 1_200_000,
    'message next'.length,
  ])
})

test.each([
  ['xhr-streaming', xhrStreaming],
  ['long-polling', longPolling],
  ['polling', polling()],
])(
  'an event that is larger than the page takes is told by a gap over %s, and the next one is heard',
  async (_, transport) => {
    const { gaps, heard, latest, line } = await begin({ dialect: plain, transports: [transport], limits })
    latest().answers()
    latest().brings('id: 1\ndata: one\n\n')
    for (const piece of [`id: 2\nda`, `ta: ${large}`, `\ndata: more\n`, '\nid: 3\ndata: three\n\n'])
      latest().brings(piece)
    expect(gaps).toEqual([{ reason: 'too large', from: '1', to: '2' }])
    expect(heard.filter(each => each.startsWith('message'))).toEqual(['message one', 'message three'])
    expect(line.lastEventId).toBe('3')
  },
)

test('the position is behind it, so that no reconnect meets it again', async () => {
  const { gaps, latest, line, world } = await begin({ dialect: plain, transports: [xhrStreaming], limits })
  latest().answers()
  latest().brings(`id: 1\ndata: ${large}\n\n`)
  latest().ends()
  expect(line.lastEventId).toBe('1')
  while (FakeXhr.all.length < 2) await world.pass(500)
  expect(latest().sent['Last-Event-ID']).toBe('1')
  latest().answers()
  // Unless the server replays it.
  latest().brings(`id: 1\ndata: ${large}\n\n`)
  expect(gaps).toHaveLength(1)
})

test('one without an id is told too', async () => {
  const { gaps, latest } = await begin({ dialect: plain, transports: [xhrStreaming], limits })
  latest().answers()
  latest().brings(`data: ${large}\n\n`)
  expect(gaps).toEqual([{ reason: 'too large', from: '', to: '' }])
})

test('an answer that is no event stream is told once, and the next one heard', async () => {
  const { gaps, heard, latest, world } = await begin({
    dialect: plain,
    transports: [polling({ every: 100 })],
    limits,
  })
  for (const text of [large, large, 'small']) {
    latest().answers(200, { 'content-type': 'text/plain' })
    latest().brings(text)
    latest().ends()
    await world.pass(100)
  }
  expect(gaps).toEqual([{ reason: 'too large', from: '', to: '' }])
  expect(heard.at(-1)).toBe('message small')
})

test('a message of Nchan is told at its id', async () => {
  const { gaps, latest } = await begin({ dialect: nchan(), transports: [longPolling], limits })
  latest().answers(200, { 'last-modified': 'Thu, 01 Jan 1970 00:00:07 GMT', etag: '3' })
  latest().brings(large)
  latest().ends()
  expect(gaps).toEqual([{ reason: 'too large', from: '', to: '7:3' }])
})

test('two channels that bring the same message, too large for both, tell of it once', async () => {
  const { gaps, heard, transport } = await begin({})
  transport.channel.opens()
  transport.channel.brings(welcome(), pong, { ...message(1), data: undefined, oversized: true })
  transport.channel.brings({ ...message(1), data: undefined, oversized: true }, message(2))
  expect(gaps).toEqual([{ reason: 'too large', from: 'e.0.a', to: 'e.1.t1' }])
  expect(heard.at(-1)).toBe('message m2')
})

test.each([0, -1, Number.NaN, '1 MB', null])('limits.received of %j is refused by name', async received => {
  await expect(openLine({ limits: { received } as never })).rejects.toThrow(/limits\.received/)
})
