import { readFileSync } from 'node:fs'
import fc from 'fast-check'

/**
 * What is known to be read, or once was not: the beginning of every mutation. What a run finds is added there. A text stands for its
 * bytes in UTF-8, `hex:…` for bytes.
 */
const corpus = JSON.parse(readFileSync(new URL('corpus.json', import.meta.url), 'utf8')) as Record<
  Shelf,
  string[]
>

export type Shelf =
  | 'blocks'
  | 'socketio'
  | 'sockjs'
  | 'mercure'
  | 'durable-streams'
  | 'nchan'
  | 'plain'
  | 'multipart'
  | 'queries'
  | 'handshakes'
  | 'requests'
  | 'frames'

export function seeds(shelf: Shelf): Uint8Array[] {
  return corpus[shelf].map(text =>
    text.startsWith('hex:')
      ? Buffer.from(text.slice(4).replaceAll(' ', ''), 'hex')
      : new TextEncoder().encode(text),
  )
}

/** One of the corpus as it is, or changed in up to six places. */
export function mutated(shelf: Shelf): fc.Arbitrary<Uint8Array> {
  const all = seeds(shelf)
  const seed = fc.nat(all.length - 1)
  return fc
    .tuple(seed, fc.array(fc.tuple(change, place, place, fc.nat(255), seed, word), { maxLength: 6 }))
    .map(([first, changes]) =>
      changes.reduce<Uint8Array>(
        (bytes, [act, at, length, byte, other, word]) =>
          act(bytes, scaled(at, bytes.length), scaled(length, 40), byte, all[other] as Uint8Array, word),
        all[first] as Uint8Array,
      ),
    )
}

type Change = (
  bytes: Uint8Array,
  at: number,
  length: number,
  byte: number,
  other: Uint8Array,
  word: Uint8Array,
) => Uint8Array

const changes: Change[] = [
  (bytes, at, _, byte) => join(bytes.subarray(0, at), Uint8Array.of(byte), bytes.subarray(at + 1)),
  (bytes, at, length) => join(bytes.subarray(0, at), bytes.subarray(at + length)),
  (bytes, at, _length, _byte, _other, word) => join(bytes.subarray(0, at), word, bytes.subarray(at)),
  (bytes, at, length, byte) =>
    join(
      bytes.subarray(0, at),
      ...Array<Uint8Array>(1 + (byte >> 2)).fill(bytes.subarray(at, at + length)),
      bytes.subarray(at + length),
    ),
  (bytes, at, _length, byte, other) => join(bytes.subarray(0, at), other.subarray(byte % (other.length + 1))),
  (bytes, at) => bytes.subarray(0, at),
]
const change = fc.constantFrom(...changes)
const place = fc.nat(0xffff)

/** What readers trip over. */
const word = fc
  .oneof(
    fc.constantFrom(
      ...[
        '\r',
        '\n',
        '\r\n',
        '\n\n',
        '\0',
        '\ufeff',
        ':',
        ' ',
        '%',
        '%00',
        '&',
        '=',
        '"',
        '\\',
        '[',
        '{',
        '}',
      ],
      ...['null', '{}', '[]', '-1', '1e999', '9007199254740993', '__proto__', 'constructor', '$SID'],
      ...['{"toString":1}', '[['.repeat(50), 'rt.', 'rt.open', 'rt.bye', '\u2028', '😀', '\x1e', '0\r\n\r\n'],
      ...['Content-Length: 5\r\n', 'Transfer-Encoding: chunked\r\n', 'Upgrade: websocket\r\n', ', '],
    ),
    fc.string({ unit: 'binary', maxLength: 8 }),
  )
  .map(text => new TextEncoder().encode(text))

function scaled(at: number, length: number): number {
  return Math.floor((at * (length + 1)) / 0x10000)
}

function join(...pieces: Uint8Array[]): Uint8Array {
  const bytes = Buffer.concat(pieces)
  // More shows nothing more, and costs time.
  return bytes.subarray(0, 20_000)
}
