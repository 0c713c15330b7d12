/** What an address, an option or a header may hold that is secret is nowhere in what a line says, keeps or reports. */
import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import type { UsualTransport } from '../src/contracts/failure.ts'
import { withoutQuery } from '../src/contracts/failure.ts'
import { diagnose } from '../src/diagnose.ts'
import { native } from '../src/dialects/native.ts'
import { plain } from '../src/dialects/plain.ts'
import { connect } from '../src/index.ts'
import type { Options } from '../src/setup/options.ts'
import { createWorld, type World } from './support/world.ts'

const secret = 'hunter2'
const address = (world: World) =>
  `${world.origin.replace('//', `//me:${secret}@`)}/live?key=${secret}#${secret}`

const asked: Options<UsualTransport> = {
  params: { ticket: secret },
  headers: { 'X-Key': secret },
  token: () => secret,
  resume: 'session',
  timeout: 1_000,
}

/** A browser in which each way fails in the loudest manner: by an error that quotes the address. */
function loudWorld(fails: 'at once' | 'later'): World {
  const quoting = (url: string) => new TypeError(`Failed to construct: The URL '${url}' is odd.`)
  class Loud {
    onclose?: (event: object) => void
    onerror?: (event: object) => void
    onload?: (event: object) => void
    readyState = 2
    url = ''
    constructor(url = '') {
      if (fails === 'at once' && url) throw quoting(url)
      this.url = url
      if (url) queueMicrotask(() => this.fail())
    }
    open(_: string, url: string): void {
      if (fails === 'at once') throw quoting(url)
      this.url = url
    }
    send(): void {
      queueMicrotask(() => this.fail())
    }
    fail(): void {
      this.onclose?.({ code: 1006, reason: '', wasClean: false, target: this })
      this.onerror?.({ target: this })
    }
    addEventListener(): void {}
    overrideMimeType(): void {}
    setRequestHeader(): void {}
    abort(): void {}
    close(): void {}
  }
  const fetch = async (url: string) => {
    throw quoting(url)
  }
  return createWorld({ WebSocket: Loud, EventSource: Loud, XMLHttpRequest: Loud, fetch } as never)
}

/** All that is in a value, hidden fields included. */
function everything(value: unknown): string {
  return inspect(value, { depth: 12, showHidden: true, maxArrayLength: null }) + JSON.stringify(value)
}

test.each(['at once', 'later'] as const)('of a line whose transports fail %s', async fails => {
  for (const dialect of [native, plain]) {
    const world = loudWorld(fails)
    const { environment } = world
    const said: unknown[] = []
    const debug = (text: string) => said.push(text)
    const line = connect(address(world), { ...asked, dialect, environment, debug })
    line.onerror = event => said.push(event.error, event.error.cause, event.error.attempts)
    line.onclose = event => said.push(event.reason)
    const refusals = [line.send(Symbol('x')), line.send('text')].map(sent =>
      sent.catch(error => said.push(error)),
    )
    await world.pass(60_000)
    await world.fire('pagehide')
    said.push([...world.storage])
    said.push(line.report())
    line.close()
    await Promise.all(refusals)
    expect(said.length).toBeGreaterThan(5)
    expect(everything(said)).not.toContain(secret)
    expect(everything(said)).toContain(`${new URL(world.origin).host}/live`)
    // As with an EventSource, who gave the address may read it.
    expect(line.url).toBe(address(world))
  }
})

test.each(['at once', 'later'] as const)('of a diagnosis whose transports fail %s', async fails => {
  const world = loudWorld(fails)
  const { resume: _, ...rest } = asked
  const diagnosis = diagnose(address(world), { ...rest, environment: world.environment })
  await world.pass(60_000)
  const told = await diagnosis
  expect(everything(told)).not.toContain(secret)
  expect(told.text).toContain(`${world.origin}/live`)
})

test.each<[string, Options<UsualTransport> | string]>([
  ['token', { token: secret as never }],
  ['headers', { headers: `X-Key: ${secret}` as never }],
  ['params', { params: `key=${secret}` as never }],
  ['a value of a parameter', { params: { key: [[secret]] as never } }],
  ['a value of a header', { headers: { 'X-Key': `${secret}\n` } }],
  ['an address that is none', `http://me:${secret}@ho st/?key=${secret}`],
  ['an address that cannot be reached', `ftp://me:${secret}@host/?key=${secret}#${secret}`],
])('of the error about %s', (_, options) => {
  const { environment } = createWorld()
  const [url, more] = typeof options === 'string' ? [options, {}] : ['/live', options]
  const attempt = () => connect(url, { ...(more as object), environment })
  expect(attempt).toThrow(TypeError)
  try {
    attempt()
  } catch (error) {
    expect(everything(error)).not.toContain(secret)
  }
})

test.each([
  ['https://me:secret@host.test:8080/a@b?key=1#x', 'https://host.test:8080/a@b'],
  ['wss://me@host.test/', 'wss://host.test/'],
  ['https://m@e:sec@ret@host.test/#key', 'https://host.test/'],
  ['/live?key=1', '/live'],
])('place: %s is shown as %s', (given, shown) => {
  expect(withoutQuery(given)).toBe(shown)
})
