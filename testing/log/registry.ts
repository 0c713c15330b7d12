import { equal } from 'node:assert/strict'
import type { Registry } from '../../server/index.ts'
import { type Case, type Make, until } from './steps.ts'

/** What the case is about is not asked of a log that has no registry. */
function withRegistry(act: (registry: Registry) => Promise<void>): Case {
  return async (make: Make) => {
    const { registry } = await make()
    if (registry) await act(registry)
  }
}

const minute = 60_000

export const registry: Record<string, Case> = {
  'a text is put where nothing is, and found': withRegistry(async registry => {
    equal(await registry.get('a'), undefined)
    equal(await registry.compareAndSet('a', undefined, 'one', minute), 'one')
    equal(await registry.get('a'), 'one')
    equal(await registry.get('b'), undefined)
  }),

  'a text takes the place of the one that is expected, and of no other': withRegistry(async registry => {
    await registry.compareAndSet('a', undefined, 'one', minute)
    equal(await registry.compareAndSet('a', undefined, 'two', minute), 'one')
    equal(await registry.compareAndSet('a', 'another', 'two', minute), 'one')
    equal(await registry.compareAndSet('a', 'one', 'two', minute), 'two')
    equal(await registry.compareAndSet('b', 'one', 'two', minute), undefined)
    equal(await registry.get('a'), 'two')
    equal(await registry.get('b'), undefined)
  }),

  'a text that is put twice counts once: whoever asks again hears that it is there': withRegistry(
    async registry => {
      await registry.compareAndSet('a', undefined, 'one', minute)
      equal(await registry.compareAndSet('a', 'one', 'two', minute), 'two')
      equal(await registry.compareAndSet('a', 'one', 'two', minute), 'two')
    },
  ),

  'of many who put a text at once one succeeds, and all hear which': withRegistry(async registry => {
    const all = Array.from({ length: 50 }, (_, n) => `text ${n}`)
    const there = await Promise.all(all.map(text => registry.compareAndSet('a', undefined, text, minute)))
    equal(new Set(there).size, 1)
    equal(await registry.get('a'), there[0])
  }),

  'a text lasts as long as it was put for, and its place is free then': withRegistry(async registry => {
    await registry.compareAndSet('a', undefined, 'one', minute)
    await registry.compareAndSet('b', undefined, 'one', 50)
    await until(async () => (await registry.get('b')) === undefined)
    equal(await registry.compareAndSet('b', undefined, 'two', minute), 'two')
    equal(await registry.get('a'), 'one')
  }),

  'a text may be long, and of any characters': withRegistry(async registry => {
    const text = '한😀\n\0"'.repeat(10_000)
    equal(await registry.compareAndSet('a:b/c d', undefined, text, minute), text)
    equal(await registry.get('a:b/c d'), text)
    equal(await registry.compareAndSet('a:b/c d', text, '', minute), '')
    equal(await registry.get('a:b/c d'), '')
  }),
}
