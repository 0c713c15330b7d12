import { afterEach, expect, test, vi } from 'vitest'
import { browser } from '../src/environment.ts'

afterEach(() => vi.unstubAllGlobals())

test('hears of another network from the connection, and not from the fields of a form', () => {
  const connection = new EventTarget()
  const document = new EventTarget()
  vi.stubGlobal('navigator', { connection })
  vi.stubGlobal('document', document)
  let heard = 0
  const undo = browser().listen('change', () => heard++)
  document.dispatchEvent(new Event('change'))
  expect(heard).toBe(0)
  connection.dispatchEvent(new Event('change'))
  expect(heard).toBe(1)
  undo()
  connection.dispatchEvent(new Event('change'))
  expect(heard).toBe(1)
})

test('where no network tells of itself, nothing is heard and nothing fails', () => {
  vi.stubGlobal('navigator', undefined)
  expect(() => browser().listen('change', () => {})()).not.toThrow()
})

test('storage that is forbidden knows nothing', () => {
  vi.stubGlobal('localStorage', undefined)
  const environment = browser()
  expect(() => environment.setItem('key', 'value')).not.toThrow()
  expect(environment.getItem('key')).toBeNull()
})
