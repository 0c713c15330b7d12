// @vitest-environment jsdom
import { HttpResponse, http, ws } from 'msw'
import { expect, test } from 'vitest'
import { plain } from '../../src/dialects/plain.ts'
import { createParser } from '../../src/wire/parser.ts'
import { greeting, message, next, open, server } from './server.ts'

const live = ws.link('ws://localhost:3000/live')

test('a page’s line is opened, heard and answered by a handler of msw', async () => {
  server.use(
    live.addEventListener('connection', ({ client }) => {
      client.send(greeting())
      client.addEventListener('message', ({ data }) => {
        for (const { id, event, data: text } of createParser().feed(`${data}`)) {
          if (event === 'rt.ping') client.send('event: rt.pong\ndata: {}\n\n')
          else if (id) client.send(`event: rt.ack\ndata: ${id}\n\n${message(Number(id), `you said ${text}`)}`)
        }
      })
    }),
  )
  const line = open('/live', { transports: ['websocket'] })
  await next(line, 'open')
  expect(line.transport).toBe('websocket')
  const echo = next(line, 'message')
  await line.send('안녕')
  expect((await echo).data).toBe('you said 안녕')
})

test('a page that speaks to a WebSocket server as it is', async () => {
  server.use(live.addEventListener('connection', ({ client }) => client.send('as it is')))
  const line = open('/live', { transports: ['websocket'], dialect: plain })
  expect((await next(line, 'message')).data).toBe('as it is')
})

test('a WebSocket that is refused: one plain request finds out why', async () => {
  server.use(
    live.addEventListener('connection', ({ client }) => client.close(1011)),
    http.get('/live', () => new HttpResponse(null, { status: 403 })),
  )
  const line = open('/live', { transports: ['websocket'] })
  const statuses: (number | undefined)[] = []
  line.onerror = ({ error }) => statuses.push(error.status)
  await next(line, 'close')
  expect(statuses).toEqual([403])
})
