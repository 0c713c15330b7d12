import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { boundaryOf, createMultipart, type Multipart } from '../../src/wire/multipart.ts'
import vectors from './vectors/multipart.json' with { type: 'json' }

interface Part {
  header: Record<string, string | null>
  body: string
  /** Its end has not come. */
  open?: true
}

describe('a multipart body', () => {
  it.each(vectors)('$name', ({ boundary, body, parts }) => {
    const expected = parts as Part[]
    const names = ['content-type', 'content-length', 'last-modified', 'etag', 'x']
    const filled = expected.map(part => ({ ...part, header: { ...noneOf(names), ...part.header } }))
    for (const chunks of byteCuttings(bytes(body))) {
      const multipart = createMultipart(boundary)
      expect(collect(multipart, chunks, names)).toEqual(filled)
      expect(multipart.overflowed).toBe(false)
    }
  })
})

describe('the piece of a part', () => {
  it('comes at once, but for what may be a boundary', () => {
    const multipart = createMultipart('b')
    expect(spell(multipart, '--b\r\n\r\n')).toEqual(['part'])
    expect(spell(multipart, 'data: one\n\n')).toEqual(['data: one\n'])
    expect(spell(multipart, 'd')).toEqual(['\nd'])
    expect(spell(multipart, 'ata: two\r\n-')).toEqual(['ata: two'])
    expect(spell(multipart, '-b')).toEqual(['end'])
  })

  it('that is the last of a known length brings the end with it', () => {
    const multipart = createMultipart('b')
    expect(spell(multipart, '--b\r\nContent-Length: 3\r\n\r\non')).toEqual(['part', 'on'])
    expect(spell(multipart, 'e')).toEqual(['e', 'end'])
  })

  function spell(multipart: Multipart, text: string): string[] {
    return multipart
      .feed(bytes(text))
      .map(piece => (piece.type === 'body' ? new TextDecoder().decode(piece.bytes) : piece.type))
  }
})

/** A part as a server may write it. Without a length its body must not hold the boundary. */
const written = fc.record({
  body: fc
    .uint8Array({ maxLength: 60 })
    .map(bytes => bytes.map(byte => [13, 10, 45, 98, byte][byte % 5] as number)),
  counted: fc.boolean(),
  lineEnd: fc.constantFrom('\r\n', '\n'),
})

test('bytes come out as they went in, however they are cut', () => {
  fc.assert(
    fc.property(fc.array(written, { maxLength: 5 }), fc.array(fc.nat(300)), (parts, cuts) => {
      const boundary = 'b0undary'
      const pieces = parts.map(({ body, counted, lineEnd }) => [
        ...bytes(
          `--${boundary}${lineEnd}${counted ? `Content-Length: ${body.length}${lineEnd}` : ''}${lineEnd}`,
        ),
        ...body,
        // A body that ends in CR would lose it to a boundary after LF alone.
        ...bytes('\r\n'),
      ])
      const whole = Uint8Array.from([...pieces.flat(), ...bytes(`--${boundary}--`)])
      const ends = [...cuts.filter(cut => cut < whole.length), whole.length].sort((one, other) => one - other)
      const chunks = ends.map((end, index) => whole.subarray(ends[index - 1] ?? 0, end))
      const found = collectBytes(createMultipart(boundary), chunks)
      expect(found).toEqual(parts.map(({ body }) => [...body]))
    }),
    { numRuns: 2_000 },
  )
})

test('a header that does not end is not kept for ever', () => {
  const multipart = createMultipart('b')
  multipart.feed(bytes('--b\r\n'))
  const line = bytes(`x: ${'y'.repeat(1_000)}\r\n`)
  for (let count = 0; count < 16; count++) multipart.feed(line)
  expect(multipart.overflowed).toBe(false)
  multipart.feed(line)
  expect(multipart.overflowed).toBe(true)
  expect(multipart.feed(bytes('\r\n\r\n'))).toEqual([])
})

// Work that grows with the square of this would take hours: to be done in time is the assertion.
test.each(['x', '\n', '\r\n', '\n-', '\n--'])('megabytes of %j take linear time', piece => {
  const chunk = bytes(piece)
  for (const head of ['', '--bb\r\n\r\n', '--bb\r\nContent-Length: 9000000\r\n\r\n']) {
    const multipart = createMultipart('bb')
    multipart.feed(bytes(head))
    for (let sent = 0; sent < 200_000; sent++) multipart.feed(chunk)
    expect(multipart.overflowed).toBe(false)
  }
})

describe('the boundary is what the type says', () => {
  test.each([
    ['multipart/mixed; boundary=abc', 'abc'],
    ['multipart/x-mixed-replace;boundary="a b;c"', 'a b;c'],
    ['Multipart/Mixed; charset=utf-8; Boundary=--x; y=z', '--x'],
    ['multipart/mixed', undefined],
    ['multipart/mixed; boundary=', undefined],
    ['text/plain; boundary=abc', undefined],
    ['', undefined],
    [null, undefined],
  ])('%j: %j', (type, boundary) => {
    expect(boundaryOf(type)).toBe(boundary)
  })
})

function collect(multipart: Multipart, chunks: readonly Uint8Array[], names: readonly string[]): Part[] {
  const parts: (Part & { bytes: number[] })[] = []
  for (const piece of chunks.flatMap(chunk => multipart.feed(chunk))) {
    const last = parts.at(-1)
    if (piece.type === 'part') {
      const header = Object.fromEntries(names.map(name => [name, piece.header(name)]))
      parts.push({ header, body: '', bytes: [], open: true })
    } else if (piece.type === 'body') last?.bytes.push(...piece.bytes)
    else delete last?.open
  }
  return parts.map(({ bytes, ...part }) => ({
    ...part,
    body: new TextDecoder().decode(Uint8Array.from(bytes)),
  }))
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function collectBytes(multipart: Multipart, chunks: readonly Uint8Array[]): number[][] {
  const bodies: number[][] = []
  for (const piece of chunks.flatMap(chunk => multipart.feed(chunk))) {
    if (piece.type === 'part') bodies.push([])
    else if (piece.type === 'body') bodies.at(-1)?.push(...piece.bytes)
  }
  return bodies
}

function noneOf(names: readonly string[]): Record<string, null> {
  return Object.fromEntries(names.map(name => [name, null]))
}

/** The whole, one byte at a time, and every way to cut it in two. */
function* byteCuttings(bytes: Uint8Array): Generator<Uint8Array[]> {
  yield [bytes]
  yield Array.from(bytes, byte => Uint8Array.of(byte))
  for (let at = 0; at <= bytes.length; at++) yield [bytes.subarray(0, at), bytes.subarray(at)]
}
