import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createNodes, type Nodes } from '../../server/cluster/nodes.ts'
import type { Registry } from '../../server/log/log.ts'
import { createRegistry } from '../../server/log/memory-registry.ts'

let registry: Registry
let isFull: boolean
let dead: Set<string>
let all: Nodes[]

beforeEach(async () => {
  vi.useFakeTimers()
  registry = createRegistry()
  isFull = false
  dead = new Set()
  all = ['one', 'two'].map(name => createNodes(through(name), name))
  await Promise.all(all.map((nodes, nth) => nodes.enter(`127.0.0.1:${nth + 1}`)))
  await vi.advanceTimersByTimeAsync(2_000)
  expect(sees()).toEqual([2, 2])
})

afterEach(() => void vi.useRealTimers())

const sees = () => all.map(({ count }) => count)

/** The registry as one of them has it. */
function through(name: string): Registry {
  return {
    async get(key) {
      if (dead.has(name)) throw new Error('out of reach')
      return registry.get(key)
    },
    async compareAndSet(...asked) {
      if (dead.has(name) || isFull) throw new Error('full')
      return registry.compareAndSet(...asked)
    },
  }
}

it('a hub that gives no sign of life is missed', async () => {
  dead.add('two')
  await vi.advanceTimersByTimeAsync(16_000)
  expect(sees()[0]).toBe(1)
})

it.each(['is full', 'is out of reach'])(
  'nobody is missed while the log %s, nor when that is over',
  async what => {
    isFull = what === 'is full'
    if (!isFull) dead = new Set(['one', 'two'])
    for (let passed = 0; passed < 140_000; passed += 1_000) {
      if (passed === 120_000) {
        isFull = false
        dead.clear()
      }
      await vi.advanceTimersByTimeAsync(1_000)
      expect(sees()).toEqual([2, 2])
    }
  },
)

it('nobody is missed where the log has lost the list', async () => {
  registry = createRegistry()
  for (let passed = 0; passed < 20_000; passed += 100) {
    await vi.advanceTimersByTimeAsync(100)
    expect(sees()).toEqual([2, 2])
  }
})

it('a hub that refuses connections is gone until its next sign of life', async () => {
  all[0]?.lost('two')
  expect(sees()).toEqual([1, 2])
  await vi.advanceTimersByTimeAsync(4_000)
  expect(sees()).toEqual([2, 2])
})
