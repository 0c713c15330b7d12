import { expect, onTestFinished, test } from 'vitest'
import { ask } from '../../docs/examples/drop-in-fetch-event-source.ts'
import { chunk, head, last, rawServer } from '../stream/server.ts'

test('asks once, and goes on where the answer broke off', async () => {
  const server = await rawServer(({ method }, socket) => {
    if (method === 'POST') socket.end(`${head}${chunk('retry: 1\nid: 1\ndata: 안\n\n')}`)
    else socket.write(`${head}${chunk('id: 2\ndata: 녕\n\n')}${last}`)
  })
  onTestFinished(() => server[Symbol.asyncDispose]())
  const pieces: string[] = []
  await ask(`${server.url}/ask`, 'Hello?', piece => pieces.push(piece))
  expect(pieces.join('')).toBe('안녕')
  expect(server.came.map(({ method, path }) => `${method} ${path}`)).toEqual([
    'POST /ask',
    'GET /ask/from?id=1',
  ])
})
