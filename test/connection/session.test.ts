import { describe, expect, test } from 'vitest'
import { createPosition } from '../../src/connection/position.ts'
import type { Dialect, Incoming } from '../../src/contracts/dialect.ts'
import { native } from '../../src/dialects/native.ts'
import { plain } from '../../src/dialects/plain.ts'
import { socketio } from '../../src/dialects/socketio.ts'
import { message, welcome } from '../support/blocks.ts'
import { createWorld } from '../support/world.ts'

/** A session that is asked what blocks mean, and answers with the data of those that are new. */
function listen(dialect: Dialect, lastEventId = '') {
  const session = createPosition(dialect.protocol, lastEventId, createWorld().environment)
  const take = (block: Partial<Incoming>) => session.take(block as Incoming)
  return {
    session,
    take,
    delivered: (...blocks: Partial<Incoming>[]) =>
      blocks.map(take).flatMap(meaning => (meaning.type === 'message' ? [meaning.data] : [])),
  }
}

describe('where ids can be compared', () => {
  test('delivers each message once, whichever channels bring it', () => {
    const { delivered } = listen(native)
    expect(delivered(message(1), message(2), message(1), message(2), message(3))).toEqual(['m1', 'm2', 'm3'])
  })

  test('continues after the id that the page gave', () => {
    const { delivered, session } = listen(native, 'e.2.t2')
    expect(delivered(message(1), message(2), message(3))).toEqual(['m3'])
    expect(session.position.cursor).toBe('e.3.t3')
  })

  test('compares numbers as numbers', () => {
    const { delivered } = listen(native, 'e.9.t9')
    expect(delivered(message(10), message(100), message(99))).toEqual(['m10', 'm100'])
  })

  test('takes everything of a new life of the log', () => {
    const { delivered } = listen(native, 'e.900.x')
    expect(delivered({ id: 'f.1.y', data: 'new life' })).toEqual(['new life'])
  })

  test('goes on from the position of a gap', () => {
    const { take, delivered, session } = listen(native, 'e.2.t2')
    const gap = { reason: 'trimmed', from: 'e.2.t2', to: 'e.40.q7' }
    expect(take({ event: 'rt.gap', id: 'e.40.q7', data: JSON.stringify(gap) })).toMatchObject({
      type: 'gap',
      gap,
    })
    expect(session.position.cursor).toBe('e.40.q7')
    expect(delivered(message(40), message(41))).toEqual(['m41'])
  })
})

describe('the position', () => {
  test('is where a first channel starts, before anything was heard', () => {
    const { take, session } = listen(native)
    take(welcome({ session: 's1' }, 'e.7.x'))
    expect(session.position.cursor).toBe('e.7.x')
  })

  test('is not turned back by the welcome of a second channel', () => {
    const { take, session } = listen(native)
    take(welcome({}, 'e.7.x'))
    take(message(9))
    take(welcome({}, 'e.7.x'))
    expect(session.position.cursor).toBe('e.9.t9')
  })

  test('moves with a block that has an id and no data', () => {
    for (const dialect of [native, plain]) {
      const { take, session } = listen(dialect, 'old')
      expect(take({ id: 'e.5.x' }).type).toBe('position')
      expect(session.position.cursor).toBe('e.5.x')
    }
  })

  test('is not turned back by a block without data that comes late on another channel', () => {
    const { take, session } = listen(native, 'e.5.t5')
    expect(take({ id: 'e.3.t3' })).toEqual({ type: 'nothing' })
    expect(session.position.cursor).toBe('e.5.t5')
  })

  test('is forgotten when the server says so with an empty id', () => {
    const { delivered, session } = listen(native, 'e.5.x')
    expect(delivered({ id: '', data: 'anew' })).toEqual(['anew'])
    expect(session.position.cursor).toBe('')
  })

  test('stays when a message has no id', () => {
    for (const dialect of [native, plain]) {
      const { delivered, session } = listen(dialect, 'e.5.x')
      expect(delivered({ data: 'by the way' })).toEqual(['by the way'])
      expect(session.position.cursor).toBe('e.5.x')
    }
  })

  test('outlives the session', () => {
    const { take, session } = listen(native)
    take(welcome({ session: 's1' }, 'e.7.x'))
    session.forget()
    expect(session.position).toEqual({ cursor: 'e.7.x', session: undefined })
  })
})

test('of a line that has to begin anew is forgotten, and what it heard is not', () => {
  const { delivered, session } = listen(plain, '')
  expect(delivered({ id: '1', data: 'one' })).toEqual(['one'])
  session.restart()
  session.reopened(() => {})
  expect(session.position.cursor).toBe('')
  expect(delivered({ id: '1', data: 'one' }, { id: '2', data: 'two' })).toEqual(['two'])
})

describe('where ids can only be equal', () => {
  const one = { id: '1', data: 'one' }
  const two = { id: '2', data: 'two' }

  test('drops what a new channel repeats of an earlier one', () => {
    const { delivered, session } = listen(plain)
    delivered(one, two)
    session.reopened(() => {})
    expect(delivered(one, two, { id: '3', data: 'three' })).toEqual(['three'])
  })

  test('drops it as often as it is repeated', () => {
    const { delivered, session } = listen(plain)
    delivered(one)
    for (let cycle = 0; cycle < 3; cycle++) {
      session.reopened(() => {})
      expect(delivered(one)).toEqual([])
    }
  })

  test('delivers an id with other data: the server may have begun to count anew', () => {
    const { delivered, session } = listen(plain)
    delivered(one)
    session.reopened(() => {})
    expect(delivered({ id: '1', data: 'another one' })).toEqual(['another one'])
  })

  test('delivers what one channel says twice, as EventSource does', () => {
    expect(listen(plain).delivered(one, one)).toEqual(['one', 'one'])
  })

  test('delivers messages without ids always', () => {
    const { delivered, session } = listen(plain)
    delivered({ data: 'tick' })
    session.reopened(() => {})
    expect(delivered({ data: 'tick' }, { id: '', data: 'tick' })).toEqual(['tick', 'tick'])
  })

  test('remembers the last thousand, and no more', () => {
    const { delivered, session } = listen(plain)
    const many = Array.from({ length: 1_001 }, (_, index) => ({ id: `${index}`, data: `${index}` }))
    delivered(...many)
    session.reopened(() => {})
    expect(delivered(...many)).toEqual(['0'])
  })
})

describe('an id that no request could name', () => {
  const long = 'x'.repeat(4_097)

  test.each([
    ['native', native],
    ['plain', plain],
  ])('is told at once, with the %s dialect, and the line goes on after the one before', (_, dialect) => {
    const { take, delivered, session } = listen(dialect)
    expect(delivered({ id: 'e.1.a', event: undefined, data: 'one' })).toEqual(['one'])
    expect(take({ id: long, event: undefined, data: 'two' })).toMatchObject({
      type: 'gap',
      gap: { reason: 'too large', from: 'e.1.a', to: 'e.1.a' },
    })
    take({ id: long })
    expect(session.position.cursor).toBe('e.1.a')
    expect(delivered({ id: 'e.3.c', event: undefined, data: 'three' })).toEqual(['three'])
    expect(session.position.cursor).toBe('e.3.c')
  })

  test('is not one of 4,096 characters, in whatever form', () => {
    const { take, session } = listen(plain)
    const id = JSON.stringify([{ topic: '한', partition: 0 }]).padEnd(4_096)
    expect(take({ id, event: undefined, data: 'one' })).toMatchObject({ type: 'message', data: 'one' })
    expect(session.position.cursor).toBe(id)
  })
})

describe('what is new, so that the next poll may follow at once,', () => {
  test.each<[string, Dialect, Partial<Incoming>, number]>([
    ['a message', native, { id: 'e.1.x', data: 'a' }, 1],
    ['a gap that leads on', native, { id: 'e.1.x', event: 'rt.gap', data: '{"from":"","to":"e.1.x"}' }, 1],
    ['no gap that leads nowhere', native, { event: 'rt.gap', data: '{"from":"","to":""}' }, 0],
    ['no acknowledgement', native, { event: 'rt.ack', data: '7' }, 0],
    ['no greeting', native, welcome() as Partial<Incoming>, 0],
    ['a ping that wants an answer', socketio(), { event: '2' }, 1],
  ])('is %s', (_, dialect, block, taken) => {
    const { session, take } = listen(dialect)
    take(block)
    take(block)
    expect(session.taken).toBe(taken === 0 ? 0 : session.position.cursor ? 1 : 2)
  })
})
