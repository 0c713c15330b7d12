// @vitest-environment jsdom
import { delay, HttpResponse, http } from 'msw'
import { expect, test } from 'vitest'
import { plain } from '../../src/dialects/plain.ts'
import { events } from '../../src/iterate.ts'
import { eventStream, greeting, message, next, open, server } from './server.ts'

// What msw answers an XMLHttpRequest of jsdom shows only once the whole response is there: LOADING comes once and without
// text, which then grows on `progress` alone (the SDK reads it on both). So a stream has to end here; how the text of an
// endless one arrives is a matter for real browsers.

test('long polling: one answer after the other, and a message that goes up by POST', async () => {
  const posted: string[] = []
  server.use(
    http.get('/live', async ({ request }) => {
      const turn = new URL(request.url).searchParams.get('rt.n')
      if (turn === '0') return new HttpResponse(greeting(), { headers: eventStream })
      if (turn === '1') return new HttpResponse(message(1, '하나'), { headers: eventStream })
      await delay('infinite')
    }),
    http.post('/live', async ({ request }) => {
      posted.push(await request.text())
      return new HttpResponse('event: rt.ack\ndata: 1\n\n', { headers: eventStream })
    }),
  )
  const line = open('/live', { transports: ['long-polling'] })
  expect((await next(line, 'message')).data).toBe('하나')
  await line.send('둘')
  expect(posted).toEqual(['id: 1\ndata: 둘\n\n'])
})

test('XHR streaming: the blocks of a response, in whatever pieces it comes', async () => {
  const pieces = `${greeting()}${message(1, '하나')}${message(2, 'up!', 'wakeup')}`.split(/(?<=d)/)
  let asked = 0
  server.use(
    http.get('/live', async () => {
      if (asked++ > 0) await delay('infinite')
      const encoder = new TextEncoder()
      const body = new ReadableStream({
        start(stream) {
          for (const piece of pieces) stream.enqueue(encoder.encode(piece))
          stream.close()
        },
      })
      return new HttpResponse(body, { headers: eventStream })
    }),
  )
  const line = open('/live', { transports: ['xhr-streaming'] })
  const heard = [next(line, 'message'), next(line, 'wakeup')]
  expect((await Promise.all(heard)).map(({ data }) => data)).toEqual(['하나', 'up!'])
  expect(line.lastEventId).toBe('e.2.t')
})

test('a script that prints and ends: the line comes back after its retry, with the last id', async () => {
  const asked: (string | null)[] = []
  server.use(
    http.get('/script.php', ({ request }) => {
      asked.push(request.headers.get('Last-Event-ID'))
      const turn = asked.length
      return new HttpResponse(`retry: 1\nid: ${turn}\ndata: turn ${turn}\n\n`, { headers: eventStream })
    }),
  )
  const line = open('/script.php', { transports: ['xhr-streaming'], dialect: plain })
  const data: unknown[] = []
  for await (const event of events(line)) {
    data.push(event.data)
    if (data.length === 3) break
  }
  expect(data).toEqual(['turn 1', 'turn 2', 'turn 3'])
  expect(asked.slice(0, 3)).toEqual([null, '1', '2'])
})

test('a refusal closes the line and says why', async () => {
  server.use(http.get('/live', () => new HttpResponse(null, { status: 403 })))
  const line = open('/live', { transports: ['long-polling'] })
  const statuses: (number | undefined)[] = []
  line.onerror = ({ error }) => statuses.push(error.status)
  await next(line, 'close')
  expect(statuses).toEqual([403])
})
