import { spawn } from 'node:child_process'
import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import net from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { createConnectionRoom } from '../../server/http/connection-room.ts'
import { address, ask, stand, wait } from './harness.ts'

const by = (fd: number | undefined) => ({ socket: { _handle: { fd } } }) as unknown as IncomingMessage

it('is full while few descriptors are left, and says so once until a minute has passed', () => {
  const told: string[] = []
  let now = 0
  const room = createConnectionRoom(
    error => told.push(error.message),
    150,
    () => now,
  )
  const full = (descriptor: number | undefined) => room.isFull(by(descriptor))
  expect([20, 134, 135, 149, 140].map(full)).toEqual([false, false, true, true, true])
  expect(told).toHaveLength(1)
  expect(told[0]).toMatch(/of the 150 file descriptors .*503.*ulimit -n/)
  // Requests come on connections that were made long before.
  expect([100, 140].map(full)).toEqual([false, true])
  for (now of [50_000, 100_000]) full(140)
  expect(told).toHaveLength(1)
  now += 60_001
  expect([100, 140].map(full)).toEqual([false, true])
  expect(told).toHaveLength(2)
  expect(full(undefined)).toBe(false)
  const isLast = (descriptor: number) => room.isLast(by(descriptor).socket)
  expect([134, 135, 141, 142].map(isLast)).toEqual([false, false, false, true])
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

/** A server of few descriptors in a process of its own; `asked` gives what it counts, and what it was told. */
async function startSmall(prepare = '') {
  const code = `
    import http from 'node:http'
    import { createHub } from './server/index.ts'
    const hub = createHub()
    const errors = []
    const refused = []
    hub.on('error', error => errors.push(error.message))
    hub.on('refused', ({ status, retryAfter, path }) => refused.push([status, retryAfter, path]))
    const server = http.createServer()
    hub.attach(server)
    ${prepare}
    server.listen(0, '127.0.0.1', () => process.send(server.address().port))
    process.on('message', () => process.send({ refused, count: hub.stats().refused, errors }))
  `
  const node = ['--import', 'tsx', '--input-type=module', '-e', code]
  const child = spawn('sh', ['-c', 'ulimit -n 150; exec "$0" "$@"', process.execPath, ...node], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [port] = await once(child, 'message')
  return {
    url: `http://127.0.0.1:${port}/live?topic=x`,
    async asked() {
      child.send('')
      const [answer] = await once(child, 'message')
      return answer as { refused: [number, number, string][]; count: number; errors: string[] }
    },
  }
}

/** How many that come at the same moment are told what. */
async function crowd(count: number, url: string) {
  const outcomes: Record<string, number> = {}
  const one = async () => {
    const request = http.get(url, { agent: false })
    onTestFinished(() => void request.destroy())
    const outcome = await once(request, 'response').then(
      ([{ statusCode, headers }]) => `${statusCode} ${headers['retry-after'] ?? ''}`.trim(),
      error => String(error.code),
    )
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
  }
  await Promise.all(Array.from({ length: count }, one))
  return outcomes
}

it.runIf(process.platform === 'linux')(
  'answers each of many that come at once, counts those for whom no descriptor is left, and says so once',
  async () => {
    const small = await startSmall()
    const outcomes = await crowd(300, small.url)
    const { 200: open = 0, '503 10': refused } = outcomes
    expect(outcomes).toEqual({ 200: open, '503 10': 300 - open })
    expect(open).toBeGreaterThan(50)
    const told = await small.asked()
    expect(told.count).toBe(refused)
    expect(told.errors).toEqual([expect.stringMatching(/of the 150 file descriptors .*ulimit -n/)])
  },
)

it.runIf(process.platform === 'linux')(
  'answers those who have one of the last descriptors before they have asked for anything',
  async () => {
    const small = await startSmall()
    let answer = ''
    // Whoever says nothing has a descriptor all the same.
    while (answer === '') {
      const socket = net.connect(Number(new URL(small.url).port), '127.0.0.1')
      onTestFinished(() => void socket.destroy())
      socket.on('error', () => {})
      socket.on('data', data => {
        answer += data
      })
      await once(socket, 'connect')
      await wait(1)
    }
    expect(answer).toMatch(/^HTTP\/1\.1 503 .*\r\nRetry-After: 10\r\n/s)
    const { refused, count } = await small.asked()
    expect(count).toBeGreaterThan(0)
    expect(refused.every(told => told.join() === '503,10,')).toBe(true)
  },
)

it('counts what Node itself drops, and names the way out', async () => {
  const small = await startSmall('server.maxConnections = 20')
  const outcomes = await crowd(60, small.url)
  expect(outcomes).toMatchObject({ 200: 20 })
  const told = await small.asked()
  expect(told.count).toBe(40)
  expect(told.errors).toEqual([expect.stringMatching(/maxConnections/)])
})
