import { describe, expect, it } from 'vitest'
import { comment, encode, wrap } from '../../src/wire/encoder.ts'
import { createParser } from '../../src/wire/parser.ts'
import errors from './vectors/encode-errors.json' with { type: 'json' }

describe('encode', () => {
  it('writes retry, enc, event, id and data, in this order', () => {
    const text = 'retry: 5\nenc: escaped\nevent: e\nid: 1\ndata: a\ndata: b\n\n'
    expect(encode({ id: '1', event: 'e', data: 'a\nb', retry: 5, encoding: 'escaped' })).toBe(text)
  })

  it('writes type, topic and re where they belong, and none that is empty', () => {
    const text = 'enc: escaped\ntype: json\nevent: e\ntopic: a b\nre: 4\nid: 1\ndata: a\n\n'
    const block = { id: '1', event: 'e', data: 'a', encoding: 'escaped', type: 'json', topic: 'a b', re: '4' }
    expect(encode(block)).toBe(text)
    expect(createParser().feed(text)).toEqual([block])
    expect(encode({ type: '', topic: '', re: '', data: 'a' })).toBe('data: a\n\n')
  })

  it('writes one empty data line for empty data, so that it is dispatched', () => {
    expect(encode({ data: '' })).toBe('data: \n\n')
  })

  it('writes an empty id, and no empty event or encoding', () => {
    expect(encode({ id: '', event: '', encoding: '', data: 'a' })).toBe('id: \ndata: a\n\n')
  })

  it('keeps a leading space', () => {
    expect(encode({ id: ' 1', data: ' a\n b' })).toBe('id:  1\ndata:  a\ndata:  b\n\n')
  })

  it('takes the blocks that the parser gives', () => {
    const text = 'event: e\ndata: a\n\n'
    expect(createParser().feed(text).map(encode)).toEqual([text])
  })

  it.each(errors)('refuses $name', ({ block, error }) => {
    expect(() => encode(block)).toThrow(new TypeError(error))
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY, '5' as unknown as number])(
    'refuses a retry of %s',
    retry => {
      expect(() => encode({ retry })).toThrow(TypeError)
    },
  )
})

describe('comment', () => {
  it.each([
    ['', ': \n\n'],
    ['beat', ': beat\n\n'],
    ['a\nb\rc\r\nd', ': a\n: b\n: c\n: d\n\n'],
    ['\n\ndata: no', ': \n: \n: data: no\n\n'],
  ])('%j stays a comment', (text, written) => {
    expect(comment(text)).toBe(written)
    expect(createParser().feed(written)).toEqual([])
  })
})

describe('wrap', () => {
  it.each([
    ['', 'data: \n\n'],
    ['data: a\n\n', 'data: data: a\ndata: \ndata: \n\n'],
    ['retry: 1\n\n: beat\n\n', 'data: retry: 1\ndata: \ndata: : beat\ndata: \ndata: \n\n'],
  ])('%j comes back as it was', (text, written) => {
    expect(wrap(text)).toBe(written)
    expect(
      createParser()
        .feed(written)
        .map(block => block.data),
    ).toEqual([text])
  })

  it('refuses CR, which would not come back', () => {
    expect(() => wrap('data: a\r\n')).toThrow(TypeError)
  })
})
