import { expect, test } from 'vitest'
import {
  type Advised,
  advise,
  adviseOnForbidden,
  adviseOnHeaders,
  adviseOnReconnects,
  adviseOnShared,
} from '../src/setup/advice.ts'
import { ours } from './support/dialects.ts'
import { createWorld } from './support/world.ts'

/** A line that says what the test lets it say. */
function start(namesTopic: boolean | undefined) {
  const heard: Record<string, (event: never) => void> = {}
  const words: string[] = []
  const world = createWorld()
  const line = {
    url: 'https://somebody:secret@host.test/live?token=secret',
    readyState: 1,
    lastEventId: 'e.1.t1',
    addEventListener: (type: string, listener: (event: never) => void) => {
      heard[type] = listener
    },
  }
  advise(line satisfies Advised, world.environment, namesTopic, said => words.push(said))
  const fails = (error: object) => heard.error?.({ error: { attempts: [], ...error } } as never)
  return { line, words, world, opens: () => heard.open?.({} as never), fails }
}

test('a line that names no topic and hears nothing is told how to name one, once', async () => {
  const { opens, words, world } = start(false)
  opens()
  await world.pass(9_999)
  expect(words).toEqual([])
  await world.pass(1)
  opens()
  await world.pass(60_000)
  expect(words).toHaveLength(1)
  expect(words[0]).toMatch(/https:\/\/host\.test\/live is open .* params: \{ topic:/)
  expect(words[0]).not.toContain('secret')
})

test('nothing is said of topics where one is named, the wire is foreign, something was heard, or the line is closed', async () => {
  for (const namesTopic of [true, undefined]) {
    const { opens, words, world } = start(namesTopic)
    opens()
    await world.pass(60_000)
    expect(words).toEqual([])
  }
  for (const change of [{ lastEventId: 'e.2.t2' }, { readyState: 2 }]) {
    const { line, opens, words, world } = start(false)
    opens()
    Object.assign(line, change)
    await world.pass(60_000)
    expect(words).toEqual([])
  }
})

test('a path that nobody answers at is told with what to check, once, also when only a try shows the status', () => {
  for (const error of [{ status: 404 }, { attempts: [{ failure: { kind: 'status', status: 404 } }] }]) {
    const { fails, words } = start(true)
    fails(error)
    fails(error)
    expect(words).toHaveLength(1)
    expect(words[0]).toMatch(/https:\/\/host\.test\/live is answered with 404.*`path` of the hub/)
  }
})

test('a page in place of the hub is told', () => {
  const { fails, words } = start(true)
  fails({ kind: 'content', status: 200 })
  expect(words[0]).toMatch(/development server/)
})

test('a line that was open once is told nothing of its path', () => {
  const { fails, opens, words } = start(true)
  opens()
  fails({ status: 404 })
  fails({ kind: 'cut' })
  expect(words).toEqual([])
})

test.each<[{ token?: unknown; headers?: unknown }, string[], RegExp]>([
  [{ token: () => 't' }, ['websocket', 'xhr-streaming'], /websocket without token/],
  [{ headers: {} }, ['eventsource'], /eventsource without headers/],
  [
    { token: () => 't', headers: {} },
    ['websocket', 'eventsource'],
    /websocket and eventsource without token and headers/,
  ],
])('%o reaches no transport that sets no headers, and that is said: %s', (given, names, words) => {
  const said: string[] = []
  const transports = names.map(ours)
  adviseOnHeaders('https://host.test/live?token=secret', given, transports, each => said.push(each))
  expect(said).toEqual([expect.stringMatching(words)])
  expect(said[0]).not.toContain('secret')
})

test('what reaches every transport is not worth a word', () => {
  const said: string[] = []
  const say = (words: string) => said.push(words)
  adviseOnHeaders('/live', { token: () => 't' }, [ours('xhr-streaming'), ours('long-polling')], say)
  adviseOnHeaders('/live', {}, [ours('websocket')], say)
  expect(said).toEqual([])
})

test('a line that is told to reconnect in a loop is told of, once, and reconnects each time', async () => {
  const world = createWorld()
  const said: string[] = []
  let calls = 0
  const line = { url: 'https://me:secret@host.test/live?key=secret', reconnect: () => void calls++ }
  adviseOnReconnects(line, world.environment, words => said.push(words))
  for (let call = 0; call < 8; call++) {
    line.reconnect()
    await world.pass(2_500)
  }
  expect(said).toEqual([])
  for (let call = 0; call < 20; call++) line.reconnect()
  expect(calls).toBe(28)
  expect(said).toEqual([
    expect.stringMatching(/https:\/\/host\.test\/live was told to reconnect\(\) 5 times/),
  ])
  expect(said[0]).not.toContain('secret')
})

test('headers that a browser leaves out are named, in whatever letters', () => {
  const said: string[] = []
  const say = (words: string) => said.push(words)
  adviseOnForbidden('https://host.test/live?token=secret', ['cookie', 'X-Room', 'Sec-Fetch-Site'], say)
  adviseOnForbidden('https://host.test/live', ['X-Room', 'Authorization', 'Dates'], say)
  expect(said).toEqual([expect.stringMatching(/name cookie and Sec-Fetch-Site, which a browser does not/)])
  expect(said[0]).not.toContain('secret')
})

test('a line that cannot be shared says why', () => {
  const said: string[] = []
  const say = (words: string) => said.push(words)
  adviseOnShared('https://host.test/live?token=secret', true, true, say)
  expect(said).toEqual([])
  adviseOnShared('/live?token=secret', true, false, say)
  adviseOnShared('/live?token=secret', false, true, say)
  expect(said).toEqual([
    expect.stringMatching(/\/live has "shared: true".* no Web Locks/),
    expect.stringMatching(/knows nothing of it/),
  ])
  expect(said.join()).not.toContain('secret')
})
