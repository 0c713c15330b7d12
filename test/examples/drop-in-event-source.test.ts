import { expect, onTestFinished, test, vi } from 'vitest'
import { hearPrices } from '../../docs/examples/drop-in-event-source.ts'
import { answer, chunk, head, last, rawServer } from '../stream/server.ts'

test('hears prices with a token, and tells why it ends', async () => {
  const server = await rawServer((_, socket) =>
    socket.write(
      server.came.length > 1
        ? answer(410, '')
        : `${head}${chunk('retry: 1\nevent: price\ndata: 7\n\n')}${last}`,
    ),
  )
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  onTestFinished(() => {
    warn.mockRestore()
    return server[Symbol.asyncDispose]()
  })
  const prices: string[] = []
  onTestFinished(hearPrices(server.url, 'secret', price => prices.push(price)))
  await expect
    .poll(() => warn.mock.calls)
    .toEqual([
      [`${server.url}/ ended its answer`, 'and is asked again'],
      [`${server.url}/ answered with status 410`, 'for good'],
    ])
  expect(prices).toEqual(['7'])
  expect(server.came[0]?.headers.authorization).toBe('Bearer secret')
})
