/** What a server says of itself is taken where it can be true. Nothing that it says makes a line ask, grow or wait without a bound. */
import { expect, test } from 'vitest'
import { beat, message, pong, welcome } from '../support/blocks.ts'
import { openLine } from '../support/line.ts'

const odd = [-1e12, 0, 1e-9, '1', null, {}, [], true, Number.MAX_VALUE, 'long'.repeat(20)]

test.each(odd)(
  'a heartbeat of %j makes no storm of questions, and a line that answers stays',
  async heartbeat => {
    const { transport, world, heard } = await openLine()
    const { channel } = transport
    channel.heard = () =>
      void world.environment.setTimeout(() => {
        channel.takes()
        channel.brings(pong)
      }, 20)
    channel.opens()
    channel.brings(welcome({ heartbeat: heartbeat as number }))
    await world.pass(60_000)
    expect(channel.sent.length).toBeLessThanOrEqual(15)
    expect(heard.filter(said => said.startsWith('error'))).toEqual([])
  },
)

test.each(odd)('limits of %j are none: what is sent goes up as ever', async limit => {
  const { line, transport, world } = await openLine()
  transport.channel.opens()
  transport.channel.brings(
    welcome({ limits: { message: limit, batch: limit, messages: limit } as never, acked: 0 }),
    pong,
  )
  line.send('up').catch(() => {})
  await world.settle()
  transport.channel.takes()
  await world.settle()
  const isLimit = typeof limit === 'number' && limit > 0
  if (!isLimit || limit > 1) expect(transport.channel.sent.join('')).toContain('data: up')
})

test.each(odd.filter(value => value !== 1e-9))('a spread of %j lets the line come back', async spread => {
  const { transport, world } = await openLine()
  transport.channel.opens()
  transport.channel.brings(welcome({ spread: spread as number }), pong)
  transport.channel.brings({ ...beat, data: JSON.stringify({ spread }) })
  transport.channel.ends({ kind: 'cut', code: 'cut' })
  await world.pass(610_000)
  expect(transport.channels.length).toBeGreaterThan(1)
})

test.each([-1, 1e12, '1', null, {}, Number.NaN])(
  'an acknowledgement up to %j takes nothing that was not sent',
  async acked => {
    const { line, transport, world } = await openLine()
    transport.channel.opens()
    transport.channel.brings(welcome({ acked: acked as number }), pong)
    let settled = false
    line.send('up').then(
      () => {
        settled = true
      },
      () => {},
    )
    await world.settle()
    expect(settled).toBe(false)
  },
)

test.each([7, null, {}, 'x'.repeat(4_097)])(
  'a session called %j is none, and the line says so',
  async session => {
    const { transport, heard, world } = await openLine()
    transport.channel.opens()
    transport.channel.brings(welcome({ session: session as string }), pong)
    await world.settle()
    expect(heard.some(said => said.startsWith('error'))).toBe(true)
  },
)

test('many sessions on one connection end it', async () => {
  const { transport, heard } = await openLine()
  const { channel } = transport
  channel.opens()
  for (let n = 0; n < 10_000 && channel.open; n++)
    channel.brings(welcome({ session: `s${n}` }), message(n + 1))
  expect(channel.open).toBe(false)
  expect(heard.at(-1)).toMatch(/^error/)
  expect(heard.length).toBeLessThan(200)
})
