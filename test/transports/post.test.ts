import { expect, test } from 'vitest'
import type { Request, Sending } from '../../src/contracts/dialect.ts'
import type { Failure } from '../../src/contracts/failure.ts'
import type { Target } from '../../src/contracts/transport.ts'
import { native } from '../../src/dialects/native.ts'
import { poster } from '../../src/transports/http/post.ts'
import { vary } from '../support/dialects.ts'
import { createWorld } from '../support/world.ts'

function setUp(sending: Partial<Sending> = {}, asked: Partial<Request> = {}) {
  const world = createWorld()
  let session = 's1'
  const requests: { url: string; text: unknown; head: unknown; ends(failure?: Failure): void }[] = []
  const target = {
    dialect: vary(native, { sending }),
    reader: native.framing.reader,
    environment: world.environment,
    timeout: 10_000,
    buildRequest: () => ({ url: session, headers: {}, ...asked }),
  } as unknown as Target
  const post = poster(target, { blocks() {} }, (_, { url }, answer, text) => {
    if (text === 'throws') throw new Error('no request can be made')
    if (text === 'at once') answer.done()
    requests.push({ url, text, head: answer.head, ends: answer.done })
    return () => {}
  })
  return {
    world,
    post,
    requests,
    moveTo(next: string) {
      session = next
    },
  }
}

test('what waits for its turn goes to the session that it was sent in', () => {
  const { post, requests, moveTo } = setUp()
  post.send('first', () => {})
  post.send('second', () => {})
  moveTo('s2')
  requests[0]?.ends()
  expect(requests.map(({ url, text }) => [url, text])).toEqual([
    ['s1', 'first'],
    ['s1', 'second'],
  ])
})

test.each(['throws', 'at once'])('a request that %s lets the next one go', text => {
  const { post, requests } = setUp()
  const said: unknown[] = []
  post.send(text, failure => said.push(failure?.kind))
  post.send('next', () => {})
  expect(said).toEqual([text === 'throws' ? 'refused' : undefined])
  expect(requests.at(-1)?.text).toBe('next')
})

test('a dialect may put part of what it wrote into headers, and judge the answer by its head', () => {
  const head = () => undefined
  const { post, requests } = setUp({ head }, { body: 'the rest' })
  post.send('the number and the rest', () => {})
  expect(requests).toMatchObject([{ text: 'the rest', head }])
})

test.each([
  [{ acknowledges: false }, undefined],
  [{ acknowledges: false, repeats: true }, 'silent'],
  [{ acknowledges: true }, 'silent'],
] as const)(
  'an answer is waited for no longer than the timeout where a POST may be made again: %j',
  async (sending, kind) => {
    const { post, world } = setUp(sending)
    const said: unknown[] = []
    post.send(new ArrayBuffer(1_000), failure => said.push(failure?.kind))
    await world.pass(10_999)
    expect(said).toEqual([])
    await world.pass(1)
    expect(said).toEqual(kind ? [kind] : [])
  },
)
