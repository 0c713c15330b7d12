import { expect, it, onTestFinished } from 'vitest'
import { createWhereabouts } from '../../server/cluster/whereabouts.ts'
import { createRegistry } from '../../server/log/memory-registry.ts'

const mine = () => true

function hubs() {
  const registry = createRegistry()
  return ['one', 'two', 'three'].map(name => {
    const whereabouts = createWhereabouts(registry, name, 60_000)
    onTestFinished(() => whereabouts.close())
    return whereabouts
  }) as [Whereabouts, Whereabouts, Whereabouts]
}

type Whereabouts = ReturnType<typeof createWhereabouts>

it('a session that was left is taken up by all requests that ask one hub at once', async () => {
  const [home, next] = hubs()
  await home.leave('s', { taken: 3 })
  await next.movedTo('s')
  const both = await Promise.all([next.takeUp('s', mine), next.takeUp('s', mine)])
  expect(both).toEqual([{ rest: { taken: 3 } }, { rest: { taken: 3 } }])
})

it('of two hubs that are asked at once one takes it up, and the other one learns where it is', async () => {
  const [home, next, other] = hubs()
  await home.leave('s', {})
  await Promise.all([next.movedTo('s'), other.movedTo('s')])
  const both = await Promise.all([next.takeUp('s', mine), other.takeUp('s', mine)])
  expect(both).toEqual([{ rest: {} }, 'another'])
  expect(await other.movedTo('s')).toBe('two')
  expect(other.isLeft('s')).toBe(false)
})

it('whoever it does not belong to leaves it where it is', async () => {
  const [home, next] = hubs()
  await home.leave('s', { principal: 'ann' })
  await next.movedTo('s')
  expect(await next.takeUp('s', () => false)).toBe(undefined)
  expect(await next.takeUp('s', mine)).toEqual({ rest: { principal: 'ann' } })
})

it('where the log cannot be asked, its client is told to come again, whatever it is asked for', async () => {
  let isThere = true
  const { get, compareAndSet } = createRegistry()
  const ask = <T>(answer: T): T => {
    if (!isThere) throw new Error('out of reach')
    return answer
  }
  const whereabouts = createWhereabouts(
    {
      get: async key => ask(get(key)),
      compareAndSet: async (...asked) => ask(compareAndSet(...asked)),
    },
    'one',
    60_000,
  )
  onTestFinished(() => whereabouts.close())
  await whereabouts.leave('s', {})
  await whereabouts.movedTo('s')
  isThere = false
  const comeAgain = { status: 503, retryAfter: 1, reason: 'node' }
  await expect(whereabouts.takeUp('s', mine)).rejects.toMatchObject(comeAgain)
  await expect(whereabouts.movedTo('s')).rejects.toMatchObject(comeAgain)
})
