/** What `debug` says of a line at work. */
import { expect, test, vi } from 'vitest'
import { message } from './support/blocks.ts'
import { cut, fakes, status } from './support/fakes.ts'
import { type Asked, greet, json, openLine } from './support/line.ts'
import { uncaught } from './support/uncaught.ts'

/** A line with secrets in its address, and what is said of it without the address. */
async function start(options: Asked = {}) {
  const lines: string[] = []
  const stage = await openLine({
    url: '/live?key=hunter2#hunter2',
    params: { topic: 'hunter2' },
    debug: text => lines.push(text),
    ...options,
  })
  const where = `${stage.world.origin}/live `
  return { ...stage, lines, said: () => lines.map(line => line.replace(where, '')) }
}

test('tells tries and what became of them, states with the reason and the next try, and the end', async () => {
  const { line, transport, world, said } = await start({ retry: 0 })
  greet(transport.channel)
  transport.channel.ends(status(503, { retryAfter: 2_000 }))
  await world.pass(3_000)
  line.close()
  await world.settle()
  expect(said()).toEqual([
    'websocket trying',
    'websocket accepted',
    'open websocket',
    'statechange open',
    'websocket answered with status 503 503',
    expect.stringMatching(/^error answered with status 503 503 trying again in \d+ ms$/),
    'statechange waiting',
    'statechange connecting',
    'websocket trying',
    'websocket left',
    'close',
    'statechange closed',
  ])
})

test('begins each line with the address, without its query', async () => {
  const { lines, world } = await start()
  expect(lines).toEqual([`${world.origin}/live websocket trying`])
})

test('tells each transport of a race', async () => {
  const transports = fakes('websocket', 'xhr-streaming')
  const { said, world } = await start({ transports })
  transports[0].channel.ends(cut)
  await world.settle()
  expect(said()).toEqual(['websocket trying', 'websocket the channel broke off', 'xhr-streaming trying'])
})

test('tells messages that were lost, on one line whatever the server says', async () => {
  const { transport, said, world } = await start()
  greet(transport.channel)
  transport.channel.brings({
    event: 'rt.gap',
    id: 'e.9.a',
    data: JSON.stringify({ reason: 'two\nlines', from: 'e.0.a', to: 'e.9.a' }),
  })
  await world.settle()
  expect(said().at(-1)).toBe('gap two lines')
})

test('tells sends that were refused or are in doubt, whether or not anybody listens, and none that were taken', async () => {
  const { line, transport, world, said } = await start()
  greet(transport.channel)
  const sent = line.send('hunter2')
  await world.settle()
  // The question that proves the channel, and the message.
  transport.channel.takes()
  transport.channel.takes()
  transport.channel.brings({ event: 'rt.ack', data: '1' })
  await sent
  await world.settle()
  const before = said().length
  await line.send('hunter2'.repeat(200_000)).catch(() => {})
  await line.send('hunter2', { event: 'rt.x' }).catch(() => {})
  const doubtful = line.send('hunter2').catch(() => {})
  await world.settle()
  line.close()
  await doubtful
  await world.settle()
  expect(
    said()
      .slice(before)
      .filter(each => each.startsWith('send')),
  ).toEqual(['send too-large', 'send TypeError', 'send IN_DOUBT'])
})

test('never says what a message, a token, a query or an error about one holds', async () => {
  const { line, transport, world, lines } = await start({
    codec: json,
    token: () => 'hunter2',
  })
  await world.settle()
  greet(transport.channel)
  transport.channel.brings(message(1, '"hunter2'), message(2, '"hunter2"'), {
    event: 'rt.open',
    data: 'hunter2',
  })
  void line.send('hunter2')
  await world.pass(60_000)
  line.close()
  await world.settle()
  expect(lines.length).toBeGreaterThan(5)
  expect(lines.join('\n')).not.toContain('hunter2')
})

test('a page whose token function fails hears its code and not what it threw', async () => {
  const { lines } = await start({
    token: () => {
      throw new Error('hunter2')
    },
  })
  expect(lines.join('\n')).toContain('token-failed')
  expect(lines.join('\n')).not.toContain('hunter2')
})

test('a function that closes the line, or throws, disturbs nothing that goes on', async () => {
  let close = () => {}
  const { line, transport, heard, world } = await start({
    debug: text => {
      if (text.endsWith('open websocket')) close()
    },
  })
  close = () => line.close()
  greet(transport.channel)
  await world.settle()
  expect(heard).toEqual(['open by websocket', 'close: closed by the page'])
  const thrown = await uncaught(async () => {
    const stage = await start({
      debug: () => {
        throw new Error('mine')
      },
    })
    greet(stage.transport.channel)
    expect(stage.line.state).toBe('open')
    await stage.world.settle()
  })
  expect(thrown.length).toBeGreaterThan(0)
})

test('true writes to console.debug', async () => {
  const debug = vi.spyOn(console, 'debug').mockImplementation(() => {})
  try {
    const { line, world } = await start({ debug: true })
    line.close()
    await world.settle()
    expect(debug.mock.calls[0]).toEqual([`${world.origin}/live websocket trying`])
  } finally {
    debug.mockRestore()
  }
})

test('nothing is said unasked', async () => {
  const debug = vi.spyOn(console, 'debug').mockImplementation(() => {})
  try {
    for (const options of [{}, { debug: false }]) (await openLine(options)).line.close()
    expect(debug).not.toHaveBeenCalled()
  } finally {
    debug.mockRestore()
  }
})

test.each([['yes'], [1], [null]])('debug: %j is no option', async value => {
  await expect(openLine({ debug: value as never })).rejects.toThrow(
    /the option "debug" is .*; it has to be true, false, or a function that takes each line/,
  )
})
