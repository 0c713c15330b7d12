/** The inspector's module in places of all kinds. */
import { expect, onTestFinished, test, vi } from 'vitest'
import { connect } from '../../src/index.ts'
import type { InspectorElement } from '../../src/inspector.ts'

test('can be imported where there are no elements, as on a server', async () => {
  expect(globalThis.customElements).toBeUndefined()
  const { InspectorElement } = await import('../../src/inspector.ts')
  expect(InspectorElement).toBeTypeOf('function')
})

test('defines its element once, however often it is there', async () => {
  const defined = new Map<string, unknown>()
  vi.stubGlobal('customElements', {
    get: (name: string) => defined.get(name),
    define(name: string, made: unknown) {
      if (defined.has(name)) throw new Error(`${name} is defined already`)
      defined.set(name, made)
    },
  })
  onTestFinished(() => void vi.unstubAllGlobals())
  for (let times = 0; times < 2; times++) {
    vi.resetModules()
    await import('../../src/inspector.ts')
  }
  expect([...defined.keys()]).toEqual(['throughline-inspector'])
})

test('takes any line, whatever its messages are', () => {
  interface Live {
    topics: { prices: { price: number } }
    sends: { message: { data: string; answer: { id: string } } }
  }
  const lines: (inspector: Pick<InspectorElement, 'line'>) => void = inspector => {
    inspector.line = connect<Live>('/live')
    inspector.line = connect<{ price: number }>('/live')
  }
  expect(lines).toBeTypeOf('function')
})
