import { expect, it } from 'vitest'
import { native } from '../src/core.ts'
import { createDestination } from '../src/setup/target.ts'

it('a line that has given up its session has another name: it is not brought back into that one', () => {
  const position: { cursor: string; session: string | undefined } = { cursor: '', session: undefined }
  const target = createDestination('http://localhost/live', {}, native).target(position)
  const named = () => new URL(target.buildRequest('post').url).searchParams.get('rt.line')
  const first = named()
  expect(first).toMatch(/^\w{8,}$/)
  expect(named()).toBe(first)
  position.session = 'one'
  expect(named()).toBe(null)
  position.session = undefined
  const second = named()
  expect(second).toMatch(/^\w{8,}$/)
  expect(second).not.toBe(first)
  expect(named()).toBe(second)
})
