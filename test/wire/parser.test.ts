import { describe, expect, it } from 'vitest'
import type { Block } from '../../src/wire/block.ts'
import { encode } from '../../src/wire/encoder.ts'
import { createParser, type ParserOptions } from '../../src/wire/parser.ts'
import bugsOfOthers from './vectors/bugs-of-others.json' with { type: 'json' }
import bytes from './vectors/bytes.json' with { type: 'json' }
import faults from './vectors/faults.json' with { type: 'json' }
import overflow from './vectors/overflow.json' with { type: 'json' }
import platform from './vectors/web-platform-tests.json' with { type: 'json' }
import whatwg from './vectors/whatwg.json' with { type: 'json' }
import { bytesOfHex, cuttings, known, type StreamVector, spell, type Text } from './vectors.ts'

describe.each(
  Object.entries({
    'WHATWG HTML 9.2.6': whatwg,
    'web-platform-tests': platform,
    'bugs found in others': bugsOfOthers,
    faults,
  }) as [string, StreamVector[]][],
)('%s', (_, vectors) => {
  it.each(vectors)('$name', ({ stream, blocks, end = [] }) => {
    const text = spell(stream)
    for (const chunks of cuttings(text)) expect(read(chunks)).toEqual({ blocks, end })
    for (const chunks of byteCuttings(new TextEncoder().encode(text)))
      expect(read(chunks)).toEqual({ blocks, end })
  })

  it.each(vectors.filter(vector => vector.canonical))(
    '$name: so the encoder writes it',
    ({ stream, blocks }) => {
      expect(blocks.map(encode).join('')).toBe(spell(stream))
    },
  )
})

describe('bytes through a streaming decoder', () => {
  it.each(bytes)('$name', ({ hex, blocks }) => {
    for (const chunks of byteCuttings(bytesOfHex(hex))) expect(read(chunks).blocks).toEqual(blocks)
  })
})

describe('a block larger than the limit', () => {
  it.each(overflow)('$name', ({ limit, stream, blocks, overflowed }) => {
    for (const chunks of cuttings(spell(stream as Text))) {
      const parser = createParser({ limit })
      expect(chunks.flatMap(chunk => parser.feed(chunk)).map(known)).toEqual(blocks)
      expect(parser.overflowed).toBe(overflowed)
      expect(parser.feed('\n\ndata: z\n\n').at(-1)?.data).toBe('z')
      expect(parser.end()).toEqual([])
    }
  })
})

describe('a block', () => {
  it('is handed over with the chunk that holds the last character of its blank line', () => {
    for (const lineEnd of ['\n', '\r', '\r\n']) {
      const text = `id: 1${lineEnd}data: a${lineEnd}${lineEnd}`
      const parser = createParser()
      const last = lineEnd === '\r\n' ? text.length - 1 : text.length // the CR is enough
      for (const character of text.slice(0, last - 1)) expect(parser.feed(character)).toEqual([])
      expect(parser.feed(text.charAt(last - 1)).map(known)).toEqual([{ id: '1', data: 'a' }])
    }
  })

  it('has its keys in one order, by whichever way it came, and those that are rare only where they are', () => {
    const keys = ['id', 'event', 'data']
    const parser = createParser()
    const blocks = [...parser.feed('data: a\n\ndata: a\r\n\r\nid: 1\n\nretry: 1\n'), ...parser.end()]
    expect(blocks.map(block => Object.keys(block))).toEqual([keys, keys, keys, [...keys, 'retry']])
  })
})

describe('a parser', () => {
  it('keeps the BOM if told that a decoder dropped one already', () => {
    expect(read(['\ufeffdata: a\n\n'], { bom: false }).blocks).toEqual([])
    expect(read(['data: a\n\n'], { bom: false }).blocks).toEqual([{ data: 'a' }])
  })

  it('is not confused by empty chunks', () => {
    expect(read(['', '\ufeff', '', 'data: a\r', '', '\n', '', '\r', '', '\n', '']).blocks).toEqual([
      { data: 'a' },
    ])
  })

  it('has forgotten everything after the end', () => {
    const parser = createParser()
    parser.feed('retry: 5\ndata: a')
    expect(parser.end()).toHaveLength(1)
    expect(parser.end()).toEqual([])
    expect(parser.feed('\n\n')).toEqual([])
  })

  it('pushes into what it is given, and gives that back', () => {
    const earlier = createParser().feed('data: a\n\n')
    const all = createParser().feed('data: b\n\ndata: c\n\n', earlier)
    expect(all).toBe(earlier)
    expect(all.map(block => block.data)).toEqual(['a', 'b', 'c'])
  })

  it('is in order again after a sink that threw', () => {
    const parser = createParser()
    const refuse = {
      push() {
        throw new Error('full')
      },
    }
    expect(() => parser.feed('id: 1\ndata: a\n\n', refuse)).toThrow('full')
    expect(parser.feed('data: b\n\n').map(known)).toEqual([{ data: 'b' }])
  })
})

// Work that grows with the square of these would take hours: to be done in time is the assertion.
describe('hostile input takes linear time', () => {
  const size = 10_000_000

  it.each([1, 16, 1024, 16_384])('a line of 10 MB without an end, in chunks of %i', length => {
    const chunk = 'x'.repeat(length)
    const bounded = createParser()
    const unbounded = createParser({ limit: 2 * size })
    for (let sent = 0; sent < size; sent += length) {
      bounded.feed(chunk)
      unbounded.feed(chunk)
    }
    expect(bounded.overflowed).toBe(true)
    expect(unbounded.overflowed).toBe(false)
    expect(unbounded.feed('\ndata: a\n\n')).toHaveLength(1)
  })

  it.each([1, 64, 65_536])('10 MB of data in one line, in chunks of %i', length => {
    const parser = createParser({ limit: 2 * size })
    parser.feed('data: ')
    for (let sent = 0; sent < size; sent += length) parser.feed('x'.repeat(length))
    const data = parser.feed('\n\n')[0]?.data
    expect(data?.length).toBeGreaterThanOrEqual(size)
    expect(data?.endsWith('xxx')).toBe(true)
  })

  it.each(['\n', '\r', '\r\n'])('a million empty lines of %j', lineEnd => {
    const parser = createParser()
    expect(parser.feed(lineEnd.repeat(1_000_000))).toEqual([])
    for (let i = 0; i < 1_000_000; i++) parser.feed(lineEnd)
    expect(parser.feed(`data: a${lineEnd}${lineEnd}`)).toHaveLength(1)
  })

  it.each(['data\n', 'data:\r\n'])('a megabyte of %j', line => {
    const count = 200_000
    expect(createParser().feed(`${line.repeat(count)}\n`)[0]?.data).toBe('\n'.repeat(count - 1))
    const parser = createParser()
    for (let i = 0; i < count; i++) parser.feed(line)
    expect(parser.feed('\n')[0]?.data).toBe('\n'.repeat(count - 1))
  })

  it.each(['x\n', ':\n', 'id\n', 'retry: 1\n', 'event: a\r'])('a million lines of %j', line => {
    const parser = createParser()
    parser.feed(line.repeat(1_000_000))
    expect(parser.feed('data: a\n\n')[0]?.data).toBe('a')
  })

  it('a megabyte of digits for retry', () => {
    expect(read([`retry: ${'9'.repeat(1_000_000)}\n\n`]).blocks).toEqual([{ retry: Number.MAX_SAFE_INTEGER }])
  })
})

function read(chunks: Iterable<string>, options?: ParserOptions): Record<'blocks' | 'end', Partial<Block>[]> {
  const parser = createParser(options)
  const blocks: Block[] = []
  for (const chunk of chunks) parser.feed(chunk, blocks)
  return { blocks: blocks.map(known), end: parser.end().map(known) }
}

/** As a transport reads bytes: one decoder for the whole stream, which leaves the BOM to the parser. */
function* byteCuttings(bytes: Uint8Array): Generator<string[]> {
  for (let at = 0; at <= bytes.length; at++) {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    const first = decoder.decode(bytes.subarray(0, at), { stream: true })
    yield [first, decoder.decode(bytes.subarray(at), { stream: true }), decoder.decode()]
  }
}
