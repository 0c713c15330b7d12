import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { createHub, memoryLog, redisLog } from '../../server/index.ts'
import { ask, listen, message, onNode, type Stand, stand, until, wait } from './harness.ts'
import { missingRedis, startRedis } from './redis.ts'

const probe = (at: Stand, kind: string, method = 'GET') => ask(`http://${at.host}/live/${kind}`, { method })
const isReady = { status: 200, body: '{"status":"ready"}' }
const unready = (why: string) => ({ status: 503, body: `{"status":"unready","why":["${why}"]}` })

describe('the probes of a hub', () => {
  it('are answered below its path, to whoever asks', async () => {
    const at = await stand({ probes: true, hosts: ['example.com'], authorize: () => null })
    expect(await probe(at, 'health')).toMatchObject({ status: 200, text: '{"status":"ok"}' })
    const { status, headers, text } = await probe(at, 'ready')
    expect([status, text]).toEqual([200, isReady.body])
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'cache-control': 'no-store, no-transform',
    })
    expect(await probe(at, 'ready?from=kubelet', 'HEAD')).toMatchObject({ status: 200, text: '' })
    expect(await probe(at, 'ready', 'POST')).toMatchObject({ status: 405 })
    expect(at.hub.stats().refused).toBe(0)
  })

  it('are there only where the option says so', async () => {
    const at = await stand()
    expect((await probe(at, 'health')).status).toBe(404)
    expect((await probe(at, 'ready')).status).toBe(404)
  })

  it.runIf(onNode)(
    'are answered by hub.handle too, wherever it is mounted, and nothing else is',
    async () => {
      const hub = createHub({ probes: true, path: '/' })
      const server = http.createServer((request, response) => {
        hub.handle(request, response, () => void response.writeHead(404).end('not the hub'))
      })
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      onTestFinished(async () => {
        await hub.close()
        server.close()
      })
      const host = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      expect(await ask(`${host}/ready`)).toMatchObject({ status: 200 })
      expect(await ask(`${host}/health`)).toMatchObject({ status: 200 })
      expect(await ask(`${host}/healthy`)).toMatchObject({ status: 404, text: 'not the hub' })
    },
  )

  it('are answered by hub.fetch too', async () => {
    const hub = createHub({ probes: true })
    onTestFinished(() => hub.close())
    const answer = await hub.fetch(new Request('http://localhost/live/ready'))
    expect([answer.status, await answer.text()]).toEqual([200, isReady.body])
    expect((await hub.fetch(new Request('http://localhost/live/other'))).status).toBe(404)
  })
})

describe('readiness', () => {
  it('goes before any line is told to move', async () => {
    const at = await stand({ probes: true })
    const ear = listen(at, 'websocket')
    await ear.opened()
    at.hub.on('message', () => new Promise(resolve => setTimeout(resolve, 200)))
    ear.send(message(1))
    await until(() => at.hub.stats().unhandled > 0)
    const drained = at.hub.drain()
    // The line is there still, since its message is worked at.
    expect(await at.hub.ready()).toEqual(unready('draining'))
    expect(at.hub.health().status).toBe(200)
    expect(ear.blocks.map(({ event }) => event)).not.toContain('rt.bye')
    await drained
    expect(await probe(at, 'ready')).toMatchObject({ status: 503 })
    await at.hub.close()
    expect(await at.hub.ready()).toEqual(unready('closed'))
    expect(at.hub.health().status).toBe(200)
  })

  it('is not there while the log says that it cannot be read, fails to be read, or gives no answer', async () => {
    const log = { ...memoryLog(), ready: true }
    const { after } = log
    const at = await stand({ log })
    expect(await at.hub.ready()).toEqual(isReady)
    log.ready = false
    expect(await at.hub.ready()).toEqual(unready('log'))
    log.ready = true
    log.after = () => Promise.reject(new Error('no'))
    expect(await at.hub.ready()).toEqual(unready('log'))
    log.after = () => {
      throw new Error('no')
    }
    expect(await at.hub.ready()).toEqual(unready('log'))
    log.after = () => new Promise(() => {})
    expect(await at.hub.ready()).toEqual(unready('log'))
    log.after = after
    expect(await at.hub.ready()).toEqual(isReady)
  })

  it('that many ask for at a time reads the log once', async () => {
    const log = memoryLog()
    let reads = 0
    const counting = {
      ...log,
      after(...asked: Parameters<typeof log.after>) {
        reads++
        return log.after(...asked)
      },
    }
    const at = await stand({ log: counting })
    expect(await Promise.all(Array.from({ length: 50 }, () => at.hub.ready()))).toEqual(
      Array(50).fill(isReady),
    )
    expect(reads).toBe(1)
  })

  it.skipIf(missingRedis)(
    `follows Redis as it goes and comes (${missingRedis ?? 'it is there'})`,
    async () => {
      const redis = await startRedis()
      const log = redisLog({ url: redis.url })
      onTestFinished(async () => {
        await log.close()
        await redis.close()
      })
      const at = await stand({ log })
      at.hub.on('error', () => {})
      const becomes = async (status: number) => {
        while ((await at.hub.ready()).status !== status) await wait(5)
      }
      await becomes(200)
      await redis.stop()
      expect((await at.hub.ready()).status).toBe(503)
      await redis.start()
      await becomes(200)
    },
  )
})
