import { describe, expect, it } from 'vitest'
import { createStore, same } from '../../src/bindings/store.ts'
import { task } from './fakes.ts'

/** A store of a number, and what became of its source. */
function counted() {
  const log: string[] = []
  let now = 0
  let stirNow = () => {}
  const store = createStore(-1, stir => {
    log.push('begins')
    stirNow = stir
    return {
      read: () => now,
      end: () => log.push('ends'),
    }
  })
  const set = (value: number) => {
    now = value
    stirNow()
  }
  return { store, log, set, stir: () => stirNow() }
}

describe('a store', () => {
  it('begins with the first subscriber and ends after the last', async () => {
    const { store, log } = counted()
    expect(store.get()).toBe(-1)
    const one = store.subscribe(() => {})
    const two = store.subscribe(() => {})
    expect(store.get()).toBe(0)
    one()
    await task()
    expect(log).toEqual(['begins'])
    two()
    two()
    expect(log).toEqual(['begins'])
    await task()
    expect(log).toEqual(['begins', 'ends'])
    expect(store.get()).toBe(-1)
    store.subscribe(() => {})
    expect(log).toEqual(['begins', 'ends', 'begins'])
  })

  it('goes on when somebody comes in the task in which the last has left', async () => {
    const { store, log } = counted()
    store.subscribe(() => {})()
    const leave = store.subscribe(() => {})
    await task()
    leave()
    store.subscribe(() => {})
    await task()
    expect(log).toEqual(['begins'])
  })

  it('tells once of all that changes in one task, and nothing without news', async () => {
    const { store, set, stir } = counted()
    const seen: number[] = []
    store.subscribe(() => seen.push(store.get()))
    for (let n = 1; n <= 100; n++) set(n)
    expect(store.get()).toBe(0)
    await task()
    expect(seen).toEqual([100])
    stir()
    set(100)
    await task()
    expect(seen).toEqual([100])
  })

  it('one function may subscribe twice', async () => {
    const { store, log, set } = counted()
    let calls = 0
    const hear = () => {
      calls++
    }
    const leave = store.subscribe(hear)
    store.subscribe(hear)
    leave()
    set(5)
    await task()
    expect(calls).toBe(1)
    expect(log).toEqual(['begins'])
  })

  it('tells nobody of what comes after they have left', async () => {
    const { store, set } = counted()
    let calls = 0
    const leave = store.subscribe(() => calls++)
    set(5)
    leave()
    await task()
    expect(calls).toBe(0)
  })

  it('what cannot begin has no subscriber, and may begin later', () => {
    let works = false
    const store = createStore(0, () => {
      if (!works) throw new TypeError('no')
      return { read: () => 1, end() {} }
    })
    expect(() => store.subscribe(() => {})).toThrow('no')
    works = true
    store.subscribe(() => {})
    expect(store.get()).toBe(1)
  })
})

it('an object with the same in it is the same object', () => {
  const last = { a: 1, b: Number.NaN }
  expect(same(last, { a: 1, b: Number.NaN })).toBe(last)
  const other = { a: 2, b: Number.NaN }
  expect(same(last, other)).toBe(other)
})
