// @vitest-environment jsdom
import { sse } from 'msw'
import { expect, test, vi } from 'vitest'
import { plain } from '../../src/dialects/plain.ts'
import { next, open, server } from './server.ts'

// msw's sse() wants an EventSource to be there, and jsdom has none. Those that Node can have make their requests where msw
// does not see them, so the line reads the stream by XMLHttpRequest. As in http.test.ts, it has to end.
vi.stubGlobal('EventSource', class {})

test('a server’s own events, by name', async () => {
  server.use(
    sse<{ message: string; wakeup: string }>('/live', ({ client }) => {
      client.send({ id: '1', data: 'one' })
      client.send({ id: '2', event: 'wakeup', data: 'up!' })
      client.close()
    }),
  )
  const line = open('/live', { transports: ['xhr-streaming'], dialect: plain })
  const heard = [next(line, 'message'), next(line, 'wakeup')]
  expect((await Promise.all(heard)).map(({ data }) => data)).toEqual(['one', 'up!'])
  expect(line.lastEventId).toBe('2')
})
