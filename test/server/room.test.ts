import { spawn } from 'node:child_process'
import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import { expect, it, onTestFinished } from 'vitest'
import { createConnectionRoom } from '../../server/http/connection-room.ts'
import { address, ask, stand } from './harness.ts'

const by = (fd: number | undefined) => ({ socket: { _handle: { fd } } }) as unknown as IncomingMessage

it('is full while few descriptors are left, and says so once until there is room again', () => {
  const told: string[] = []
  const room = createConnectionRoom(error => told.push(error.message), 150)
  const full = (descriptor: number | undefined) => room.isFull(by(descriptor))
  expect([20, 134, 135, 149, 140].map(full)).toEqual([false, false, true, true, true])
  expect(told).toHaveLength(1)
  expect(told[0]).toMatch(/of the 150 file descriptors .*503.*ulimit -n/)
  // Where it goes up and down at the limit nothing new has happened.
  expect([130, 140].map(full)).toEqual([false, true])
  expect(told).toHaveLength(1)
  expect([100, 140].map(full)).toEqual([false, true])
  expect(told).toHaveLength(2)
  expect(full(undefined)).toBe(false)
})

it('counts what is refused', async () => {
  const at = await stand({ authorize: () => null })
  for (let time = 0; time < 3; time++) await ask(address(at, { 'rt.via': 'long-polling' }))
  expect(at.hub.stats().refused).toBe(3)
})

it.runIf(process.platform === 'linux')(
  'tells those who come when nearly no descriptor is left, and lets in again when there are some',
  async () => {
    const child = spawn(
      'sh',
      ['-c', 'ulimit -n 150; exec "$0" --import tsx cli/main.ts serve', process.execPath],
      {
        env: { ...process.env, PORT: '0' },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    onTestFinished(() => void child.kill('SIGKILL'))
    let said = ''
    child.stderr.on('data', text => {
      said += text
    })
    const [line] = await once(child.stdout, 'data')
    const url = `${String(line).trim()}live?topic=x`
    const open: IncomingMessage[] = []
    const statuses: (number | undefined)[] = []
    const visit = async () => {
      const request = http.get(url, { agent: false })
      const [response] = (await once(request, 'response')) as [IncomingMessage]
      statuses.push(response.statusCode)
      if (response.statusCode === 200) open.push(response.on('error', () => {}))
      else expect(response.headers).toMatchObject({ 'retry-after': '10', connection: 'close' })
      response.resume()
    }
    // One after the other: none is reset, each is told.
    for (let client = 0; client < 200; client++) await visit()
    expect(open.length).toBeGreaterThan(50)
    expect(statuses.slice(-50)).toEqual(Array(50).fill(503))
    expect(said.match(/file descriptors/g)).toHaveLength(1)
    for (const response of open.splice(0)) response.destroy()
    while (statuses.at(-1) !== 200) await visit()
    for (const response of open) response.destroy()
  },
  60_000,
)
