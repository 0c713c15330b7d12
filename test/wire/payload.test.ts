import { describe, expect, it } from 'vitest'
import { pack, unpack, utf8Length } from '../../src/wire/payload.ts'
import vectors from './vectors/payload.json' with { type: 'json' }
import errors from './vectors/payload-errors.json' with { type: 'json' }
import { bytesOfHex } from './vectors.ts'

describe('pack and unpack', () => {
  it.each(vectors)('$name', ({ text, hex, data, encoding }) => {
    const original = text ?? bytesOfHex(hex ?? '').buffer
    expect(pack(original)).toEqual({ data, encoding })
    expect(unpack(data, encoding)).toEqual(original)
  })

  it.each([
    ['\ud800', '\ufffd'],
    ['\udc00\ud800', '\ufffd\ufffd'],
    ['a\ud83d\ude00\ude00', 'a\ud83d\ude00\ufffd'],
    ['\ud83d\ud83d\ude00\r', '\ufffd\ud83d\ude00\\r'],
  ])('a lone surrogate of %j becomes U+FFFD', (text, data) => {
    expect(pack(text).data).toBe(data)
  })

  it('takes views of a part, of any element size, and buffers of Node', () => {
    const { buffer } = Uint8Array.of(1, 2, 3, 4, 5, 6)
    const views = [new Uint8Array(buffer, 2, 2), new Uint16Array(buffer, 2, 1), new DataView(buffer, 2, 2)]
    for (const view of [...views, Buffer.from([3, 4])]) expect(pack(view).data).toBe('AwQ=')
  })

  it('takes ten megabytes', () => {
    const bytes = new Uint8Array(10_000_000).map((_, at) => at)
    const { data, encoding } = pack(bytes)
    expect(Buffer.from(data, 'base64').equals(bytes)).toBe(true)
    expect(Buffer.from(unpack(data, encoding) as ArrayBuffer).equals(bytes)).toBe(true)
  })

  // As with the parser's hostile inputs: to be done in time is the assertion.
  it.each(['\r', '\\', '\0\\\r', '\ud800', '𝄞'])('takes 300,000 of %j', piece => {
    const text = piece.repeat(300_000)
    const { data, encoding } = pack(text)
    expect(unpack(data, encoding)).toBe(text.replace(/\p{Surrogate}/gu, '\ufffd'))
  })

  it.each([5, true, {}, [1], () => 'x'])('refuses to pack %s', data => {
    expect(() => pack(data as unknown as string)).toThrow(TypeError)
  })

  it.each(errors)('refuses to unpack $name', ({ data, encoding, error }) => {
    expect(() => unpack(data, encoding)).toThrow(new TypeError(error))
  })
})

describe('utf8Length', () => {
  it.each([
    '',
    'a',
    '\u007f\u0080',
    '\u07ff\u0800',
    '\uffff',
    '한글',
    '😀😀',
    '\ud800',
    '\udc00a',
    '\ud800\ud800\udc00',
  ])('of %j is what an encoder makes of it', text => {
    expect(utf8Length(text)).toBe(new TextEncoder().encode(text).length)
  })
})
