import { describe, expect, it } from 'vitest'
import { readTarget } from '../../server/http/target.ts'
import { remembering } from '../../server/remembering.ts'

describe('the target of a request', () => {
  const paths = [
    '/',
    '/live',
    '/live?',
    '/live?topic=a&rt.v=2',
    '/live?topic=a%20b&rt.t=*AbCd.12.x-_y:room/1',
    '/live?a=b+c&d=(e)!,;$~',
    '/live%41?x=%zz',
    '/a/../live',
    '/a/./live',
    '/a/%2e%2E/live',
    '/a/.well-known/b',
    '/live?to=/../x',
    '/live/..',
    "/live?q='x'",
    '/live?q="x"<>`{}|^',
    '/live?q=\u00e4',
    '/li ve',
    '/live#part?x=1',
    '/live\\x',
    '/live?q=[1]',
  ]

  it.each(paths)('is what a URL makes of it: %s', path => {
    const { pathname, search } = new URL(`http://host${path}`)
    const written = new URL(`http://host${readTarget(path)?.path}`)
    expect([written.pathname, written.search]).toEqual([pathname, search])
    expect(readTarget(path)?.host).toBeUndefined()
  })

  it.each(['//other.example/live', '//live', '/'])('is a path, however it begins: %s', path => {
    expect(new URL(`http://host${readTarget(path)?.path}`).host).toBe('host')
  })
})

describe('remembering', () => {
  it('finds each answer once, and forgets where there are very many', () => {
    const asked: string[] = []
    const answer = remembering(text => {
      asked.push(text)
      return text.length
    })
    expect([answer('one'), answer('three'), answer('one')]).toEqual([3, 5, 3])
    expect(asked).toEqual(['one', 'three'])
    for (let n = 0; n < 1_000; n++) answer(`${n}`)
    expect(answer('one')).toBe(3)
    expect(asked.filter(text => text === 'one')).toHaveLength(2)
  })

  it('keeps nothing that is long, and no answer that is none', () => {
    let asked = 0
    const answer = remembering(text => {
      asked++
      return text.startsWith('x') ? text : undefined
    })
    const long = 'x'.repeat(10_000)
    expect([answer(long), answer(long), answer('y'), answer('y')]).toEqual([long, long, undefined, undefined])
    expect(asked).toBe(4)
  })
})
