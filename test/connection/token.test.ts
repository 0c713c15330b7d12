/** A token is replaced before it expires, where that is known. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { TokenGiven } from '../../src/connection/token.ts'
import { plain } from '../../src/dialects/plain.ts'
import { fake } from '../support/fakes.ts'
import { openLine } from '../support/line.ts'
import { createWorld } from '../support/world.ts'

const hour = 3_600
const never = new Promise<TokenGiven>(() => {})

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }))
afterEach(() => void vi.useRealTimers())

/** A JWT that is good for so many seconds from now, by this clock. */
function jwt(seconds: number, claims: object = {}): string {
  const exp = Math.floor(Date.now() / 1000) + seconds
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'none' })}.${part({ exp, ...claims })}.x`
}

/** A line that is open, with a token function that gives these one after the other, and the last one again and again. It may be quiet for ever. */
async function open(...given: (() => TokenGiven | Promise<TokenGiven>)[]) {
  const transport = fake('xhr-streaming')
  const world = createWorld()
  const asked: number[] = []
  const token = () => (given[Math.min(asked.push(world.now), given.length) - 1] as (typeof given)[number])()
  const stage = await openLine({ world, transports: [transport], dialect: plain, token })
  const used = () => transport.channel.asked.headers.Authorization
  transport.channel.opens()
  await world.settle()
  return {
    ...stage,
    asked,
    used,
    async cut() {
      transport.channel.ends()
      await world.pass(4_000)
      return used()
    },
    refuse: () => transport.channel.ends({ kind: 'status', code: 'status', status: 401 }),
    accept: () => transport.channel.opens(),
  }
}

const lasting = (token: string, expiresIn: number) => () => ({ token, expiresIn })

describe('a fresh token is asked for', () => {
  test.each([
    ['30 s before the old one expires', hour, 3_570],
    ['at nine tenths of its life, if that is later', 100, 90],
  ])('%s', async (_, expiresIn, at) => {
    const stage = await open(lasting('old', expiresIn), lasting('new', expiresIn))
    await stage.world.pass(at * 1_000 - 1)
    expect(stage.asked.length).toBe(1)
    await stage.world.pass(1)
    expect(stage.asked.length).toBe(2)
    expect(await stage.cut()).toBe('Bearer new')
    expect(stage.heard.filter(each => each.startsWith('error'))).toEqual(['error cut'])
  })

  test('by the exp of a JWT, and of an object that says nothing else', async () => {
    for (const wrap of [(token: string) => token, (token: string) => ({ token })]) {
      const stage = await open(
        () => wrap(jwt(hour, { name: 'Jürgen ÿ 안녕 ~~~???' })),
        () => 'new',
      )
      await stage.world.pass(3_569_000)
      expect(stage.asked.length).toBe(1)
      await stage.world.pass(1_000)
      expect(stage.asked.length).toBe(2)
      expect(await stage.cut()).toBe('Bearer new')
      stage.line.close()
    }
  })

  test('rather by expiresIn, which no clock can have wrong', async () => {
    const stage = await open(() => ({ token: jwt(-hour), expiresIn: hour }))
    await stage.world.pass(3_570_000)
    expect(stage.asked.length).toBe(2)
  })

  test('again before that one expires', async () => {
    const stage = await open(lasting('t', hour))
    await stage.world.pass(10 * 3_570_000)
    expect(stage.asked.length).toBe(11)
  })
})

describe('no token is asked for ahead of time', () => {
  test.each<[string, () => TokenGiven]>([
    ['that is no JWT', () => 'opaque'],
    ['with two dots that is no JWT', () => 'a.b.c'],
    ['whose payload is null', () => `a.${Buffer.from('null').toString('base64url')}.c`],
    ['without exp', () => jwt(hour, { exp: undefined })],
    ['whose exp is no number', () => jwt(hour, { exp: 'tomorrow' })],
    ['that has expired when it comes, by a clock that is wrong', () => jwt(-hour)],
    ['that is good for a moment, by a clock that is wrong', () => jwt(5)],
    ['whose life is no time', () => ({ token: 't', expiresIn: Number.NaN })],
    ['whose life is over', () => ({ token: 't', expiresIn: -5 })],
    ['whose life is 0', () => ({ token: 't', expiresIn: 0 })],
    ['that lasts for ever', () => ({ token: 't', expiresIn: Infinity })],
  ])('in place of one %s', async (_, given) => {
    const stage = await open(given)
    await stage.world.pass(10 * hour * 1_000)
    expect(stage.asked.length).toBe(1)
    expect(stage.line.readyState).toBe(1)
  })
})

test('a clock that makes each token seem short asks twice a minute at most', async () => {
  const stage = await open(lasting('t', 34))
  await stage.world.pass(600_000)
  expect(stage.asked.length).toBeLessThanOrEqual(21)
})

test('the old token is used while no fresh one can be had, which is asked for less and less often', async () => {
  const stage = await open(lasting('old', hour), () => Promise.reject(new Error('no network')))
  await stage.world.pass(3_570_000)
  expect(stage.asked.length).toBe(2)
  await stage.world.pass(2_000)
  expect(stage.asked.length).toBe(3)
  await stage.world.pass(4_000)
  expect(stage.asked.length).toBe(4)
  await stage.world.pass(hour * 1_000)
  expect(stage.asked.length).toBeLessThan(14)
  expect(stage.heard).toEqual(['open by xhr-streaming'])
  expect(await stage.cut()).toBe('Bearer old')
})

test('a fresh token that comes after tries that failed is used', async () => {
  const failing = () => Promise.reject('offline')
  const stage = await open(lasting('old', hour), failing, failing, lasting('new', hour))
  await stage.world.pass(3_570_000 + 6_000)
  expect(stage.asked.length).toBe(4)
  expect(await stage.cut()).toBe('Bearer new')
})

test('one that is waited for is not asked for a second time when the server refuses the old one', async () => {
  let give: (token: string) => void = () => {}
  const stage = await open(lasting('old', hour), () => new Promise(resolve => (give = resolve)))
  await stage.world.pass(3_570_000)
  stage.refuse()
  await stage.world.pass(5_000)
  expect(stage.asked.length).toBe(2)
  give('new')
  await stage.world.settle()
  expect(stage.used()).toBe('Bearer new')
})

test('one that never comes is asked for anew by the second try that needs it', async () => {
  const stage = await open(
    lasting('old', hour),
    () => never,
    () => 'new',
  )
  await stage.world.pass(2 * hour * 1_000)
  expect(stage.asked.length).toBe(2)
  stage.refuse()
  await stage.world.pass(30_000)
  expect(stage.asked.length).toBe(3)
  expect(stage.used()).toBe('Bearer new')
})

test('one that comes late does not take the place of one that was asked for later', async () => {
  let give: (token: string) => void = () => {}
  const stage = await open(
    lasting('old', hour),
    () => new Promise(resolve => (give = resolve)),
    () => 'new',
  )
  await stage.world.pass(3_570_000)
  stage.refuse()
  await stage.world.pass(30_000)
  stage.accept()
  give('late')
  expect(await stage.cut()).toBe('Bearer new')
})

test('a page that slept past the time asks once, when it wakes', async () => {
  const stage = await open(lasting('old', hour), lasting('new', hour))
  await stage.world.sleep(3 * hour * 1_000)
  expect(stage.asked.length).toBe(2)
})

test('a line that is closed asks no more', async () => {
  const stage = await open(lasting('t', hour))
  stage.line.close()
  expect(stage.world.timers).toBe(0)
  await stage.world.pass(10 * hour * 1_000)
  expect(stage.asked.length).toBe(1)
})

test('a token that comes after the line was closed is the last', async () => {
  let give: (token: TokenGiven) => void = () => {}
  const stage = await open(lasting('old', hour), () => new Promise(resolve => (give = resolve)))
  await stage.world.pass(3_570_000)
  stage.line.close()
  give({ token: 'new', expiresIn: hour })
  await stage.world.settle()
  expect(stage.world.timers).toBe(0)
})
