import { describe, expect, test } from 'vitest'
import type { Failure } from '../../src/contracts/failure.ts'
import { isRefusal, type Outcome, outcomeOfHandedOver, outcomeOfNumbered } from '../../src/outbox/outcome.ts'
import { cut, endedWell, refused, status } from '../support/fakes.ts'

describe('with a server that acknowledges by number, a request of several messages that is answered', () => {
  test.each<[number | undefined, Outcome]>([
    [undefined, 'retry'],
    [400, 'retry'],
    [401, 'renew'],
    [403, 'forbidden'],
    [404, 'renew'],
    [408, 'retry'],
    [409, 'retry'],
    [410, 'renew'],
    [413, 'split'],
    [429, 'retry'],
    [500, 'retry'],
    [503, 'retry'],
  ])('%s → %s', (code, outcome) => {
    expect(outcomeOfNumbered(code, 2, 0)).toBe(outcome)
  })

  test('409 after another request that failed needs a new session', () => {
    expect(outcomeOfNumbered(409, 2, 1)).toBe('renew')
  })

  test.each([0, 1])('413 for %i messages cannot be split', count => {
    expect(outcomeOfNumbered(413, count, 0)).toBe('too-large')
  })
})

describe('with a server that acknowledges nothing, a message', () => {
  test.each<[string, Failure, Outcome]>([
    ['without an answer', refused, 'IN_DOUBT'],
    ['whose channel was cut', cut, 'IN_DOUBT'],
    ['whose channel was closed already', endedWell, 'retry'],
    ['answered 400', status(400), 'forbidden'],
    ['answered 403', status(403), 'forbidden'],
    ['answered 404', status(404), 'forbidden'],
    ['answered 410, which this server says of lost sessions', status(410), 'renew'],
    ['answered 413', status(413), 'too-large'],
    ['answered 429', status(429), 'forbidden'],
    ['answered 429 with a time', status(429, { retryAfter: 1_000 }), 'retry'],
    ['answered 500', status(500), 'IN_DOUBT'],
    ['answered 503', status(503), 'IN_DOUBT'],
    ['answered 503 with a time', status(503, { retryAfter: 1_000 }), 'retry'],
  ])('%s → %s', (_, failure, outcome) => {
    expect(outcomeOfHandedOver(failure, { isSessionLost: code => code === 410 })).toBe(outcome)
  })

  test('is in a lost session only where the dialect says so', () => {
    expect(outcomeOfHandedOver(status(410), {})).toBe('forbidden')
  })
})

test('an answer of the kind 4xx says that nothing was taken, but for 408', () => {
  const codes = [200, 399, 400, 403, 407, 408, 409, 429, 499, 500, 503]
  expect(codes.filter(code => isRefusal(status(code)))).toEqual([400, 403, 407, 409, 429, 499])
  expect(isRefusal(refused)).toBe(false)
})
