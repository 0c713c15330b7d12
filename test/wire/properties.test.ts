import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Block } from '../../src/wire/block.ts'
import { comment, encode, wrap } from '../../src/wire/encoder.ts'
import { createParser } from '../../src/wire/parser.ts'
import { pack, unpack, utf8Length } from '../../src/wire/payload.ts'

const options = { numRuns: 500 }

// Any text, and text made of what parsers trip over.
const tricky = [
  '\r',
  '\n',
  '\r\n',
  '\0',
  '\ufeff',
  ':',
  ' ',
  'data',
  'data:',
  'id: ',
  'event:',
  'retry: 1',
  'enc',
  'x',
  '\\',
  '\ud800',
]
const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.array(fc.constantFrom(...tricky), { maxLength: 40 }).map(pieces => pieces.join('')),
)
const oneLine = anyText.map(text => text.replace(/[\r\n\0]/g, ''))
const lines = anyText.map(text => text.replace(/\r/g, ''))

const block: fc.Arbitrary<Block> = fc
  .record({
    id: fc.option(oneLine, { nil: undefined }),
    event: fc.option(oneLine.filter(Boolean), { nil: undefined }),
    data: fc.option(lines, { nil: undefined }),
    retry: fc.option(fc.maxSafeNat(), { nil: undefined }),
    encoding: fc.option(oneLine.filter(Boolean), { nil: undefined }),
    type: fc.option(oneLine.filter(Boolean), { nil: undefined }),
    topic: fc.option(oneLine.filter(Boolean), { nil: undefined }),
    re: fc.option(oneLine.filter(Boolean), { nil: undefined }),
  })
  .filter(fields => Object.values(fields).some(value => value !== undefined))

/** A text and where to cut it. */
const cutText = fc.tuple(anyText, fc.array(fc.nat(100), { maxLength: 8 })).map(([text, cuts]) => {
  const at = [0, ...cuts.map(cut => cut % (text.length + 1)), text.length].sort((a, b) => a - b)
  return at.slice(1).map((end, n) => text.slice(at[n], end))
})

describe('whatever is written and however it is cut', () => {
  it('blocks come back as they were encoded', () => {
    check(fc.array(block), blocks => {
      expect(createParser().feed(blocks.map(encode).join(''))).toEqual(blocks)
    })
  })

  it('comments between blocks change nothing', () => {
    check(fc.array(fc.tuple(anyText, block)), pairs => {
      const text = pairs.map(([note, fields]) => comment(note) + encode(fields)).join('')
      expect(createParser().feed(text)).toEqual(pairs.map(([, fields]) => fields))
    })
  })

  it('cuts change nothing', () => {
    check(fc.tuple(cutText, fc.integer({ min: 1, max: 60 })), ([chunks, limit]) => {
      const whole = createParser({ limit })
      const cut = createParser({ limit })
      expect(chunks.flatMap(chunk => cut.feed(chunk))).toEqual(whole.feed(chunks.join('')))
      expect(cut.overflowed).toBe(whole.overflowed)
      expect(cut.end()).toEqual(whole.end())
    })
  })

  it('the parser yields what a plain reading of the standard yields', () => {
    check(anyText, text => {
      expect(createParser().feed(text)).toEqual(readPlainly(text))
    })
  })

  it('a wrapped text comes back from the data of one event', () => {
    check(fc.array(block), blocks => {
      const text = blocks.map(encode).join('')
      const events = createParser().feed(wrap(text))
      expect(events.map(event => event.data)).toEqual([text])
    })
  })

  it('well-formed text comes back from pack, through a block', () => {
    check(anyText, text => {
      const { data, encoding } = pack(text)
      const [received] = createParser().feed(encode({ data, encoding }))
      expect(unpack(received?.data ?? 'none', received?.encoding)).toBe(
        text.replace(/\p{Surrogate}/gu, '\ufffd'),
      )
    })
  })

  it('bytes come back from pack', () => {
    check(fc.uint8Array({ maxLength: 9000 }), bytes => {
      const { data, encoding } = pack(bytes)
      expect(new Uint8Array(unpack(data, encoding) as ArrayBuffer)).toEqual(bytes)
    })
  })

  it('unpack gives a string, a buffer or a TypeError', () => {
    check(fc.tuple(anyText, fc.constantFrom(undefined, 'escaped', 'base64', 'x')), ([data, encoding]) => {
      try {
        unpack(data, encoding)
      } catch (error) {
        expect(error).toBeInstanceOf(TypeError)
      }
    })
  })

  it('utf8Length is what an encoder makes of it', () => {
    check(anyText, text => {
      expect(utf8Length(text)).toBe(new TextEncoder().encode(text).length)
    })
  })
})

function check<T>(values: fc.Arbitrary<T>, holds: (value: T) => void): void {
  fc.assert(fc.property(values, holds), options)
}

/** The standard, read with no thought of speed, chunks or limits. */
function readPlainly(stream: string): Block[] {
  const blocks: Block[] = []
  const none = (): Block => ({
    id: undefined,
    event: undefined,
    data: undefined,
    retry: undefined,
    encoding: undefined,
    type: undefined,
    topic: undefined,
    re: undefined,
  })
  let block = none()
  const ended = stream.replace(/^\ufeff/, '').split(/\r\n|\r|\n/)
  for (const line of ended.slice(0, -1)) {
    const [, name = line, value = ''] = /^(.*?): ?(.*)$/s.exec(line) ?? []
    if (line === '') {
      if (Object.values(block).some(field => field !== undefined)) blocks.push(block)
      block = none()
    }
    if (name === 'data') block.data = block.data === undefined ? value : `${block.data}\n${value}`
    if (name === 'id' && !value.includes('\0')) block.id = value
    if (name === 'event') block.event = value || undefined
    if (name === 'enc') block.encoding = value || undefined
    if (name === 'type' || name === 'topic' || name === 're') block[name] = value || undefined
    if (name === 'retry' && /^[0-9]+$/.test(value))
      block.retry = Math.min(Number(value), Number.MAX_SAFE_INTEGER)
  }
  return blocks
}
