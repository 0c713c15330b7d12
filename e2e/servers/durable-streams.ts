/** The reference server of Durable Streams beside the test pages, on an origin of its own. */
import type { Server } from 'node:http'
import { DurableStreamTestServer } from '@durable-streams/server'
import { startSite } from '../fixtures/site.ts'

export interface DurablePlace extends AsyncDisposable {
  /** Where the test pages are. */
  readonly site: string
  /** The port of the server. */
  readonly port: number
  /** Where the stream is that the tests write. */
  readonly path: string
  /** Makes the stream. */
  create(contentType?: string): Promise<void>
  /** Appends one value, text or row of bytes, and gives the offset behind it. */
  append(value: unknown): Promise<string>
  /** Appends several values by one request. */
  appendAll(values: readonly unknown[]): Promise<string>
  /** Nothing can be appended from now on. */
  end(): Promise<void>
  /** All that the stream has. */
  read(): Promise<string>
}

export interface DurableOptions {
  /** How long a poll is held, and after how long a silent event stream is told that nothing is new, in ms. */
  held?: number
}

export async function startDurableStreams({ held = 1_000 }: DurableOptions = {}): Promise<DurablePlace> {
  const server = new DurableStreamTestServer({ port: 0, host: '127.0.0.1', longPollTimeout: held })
  const url = await server.start()
  const site = await startSite()
  const path = '/v1/stream/a'
  let type = 'application/json'
  return {
    site: site.url,
    port: Number(new URL(url).port),
    path,
    async create(contentType = 'application/json') {
      type = contentType
      await ask('PUT')
    },
    append: value => post(type === 'application/json' ? JSON.stringify([value]) : (value as BodyInit)),
    appendAll: values => post(JSON.stringify(values)),
    async end() {
      await ask('POST', undefined, { 'Stream-Closed': 'true' })
    },
    async read() {
      return (await fetch(`${url}${path}?offset=-1`)).text()
    },
    async [Symbol.asyncDispose]() {
      const stopped = server.stop()
      // It waits for a page that asks again and again on a connection that it has.
      const { server: listening } = server as unknown as { server: Server }
      const timer = setInterval(() => listening.closeAllConnections(), 20)
      await stopped
      clearInterval(timer)
      await site.close()
    },
  }

  async function post(body: BodyInit): Promise<string> {
    return (await ask('POST', body)).headers.get('Stream-Next-Offset') ?? ''
  }

  async function ask(method: string, body?: BodyInit, more?: Record<string, string>): Promise<Response> {
    const headers = { 'Content-Type': type, ...more }
    const answer = await fetch(`${url}${path}`, { method, headers, ...(body !== undefined && { body }) })
    if (!answer.ok) throw new Error(`the server answered a ${method} with ${answer.status}`)
    return answer
  }
}
