import * as zlib from 'node:zlib'
import { isPrivate } from '../log/log.ts'
import { type Batch, type Part, type Piece, piecesOf } from './batch.ts'

const { constants, deflateRawSync, gzipSync } = zlib

/**
 * Compresses what is worth it, once for all who hear it. Only messages of topics that were named are compressed, and together only those of one topic, or of
 * topics that were said to belong together: how well a text is compressed tells whoever counts its bytes what stands in it twice (CRIME, BREACH), so
 * what one client alone is told never stands beside what strangers write. Each part begins with an empty window, for the same reason.
 */
export interface Compression {
  /** What a batch goes out in; nothing if it goes out as it is. */
  partsOf(batch: Batch): readonly Part[] | undefined
}

/** Says with what a topic may be compressed: with itself alone (`true`), with the topics of the same name, or not at all. */
export type Mixing = (topic: string) => boolean | string

/** Characters from which it pays: 2,000 bytes go in two packets, which are not fewer for being less full. */
const least = 1_024

/** Characters of parts that are kept, be it only for who comes back a moment later and reads the same. */
const kept = 2 ** 20

/** Level 6 takes 6 times as long as this to make 10 % less of it. */
const fastest = 1

export function createCompression(mixing: Mixing, failed: (error: unknown) => void): Compression {
  // By the first of their pieces.
  const made = new Map<Piece, { pieces: readonly Piece[]; part: Part }>()
  let size = 0
  return { partsOf }

  function partsOf(batch: Batch): readonly Part[] | undefined {
    if (batch.size < least) return undefined
    batch.parts ??= split(piecesOf(batch)) ?? 'none'
    return batch.parts === 'none' ? undefined : batch.parts
  }

  function split(pieces: readonly Piece[]): readonly Part[] | undefined {
    const parts: Part[] = []
    let plain = ''
    for (const run of runsOf(pieces)) {
      const part = run.mix === undefined ? undefined : partOf(run.pieces)
      if (!part) plain += textOf(run.pieces)
      else {
        if (plain) parts.push(plainPart(plain))
        plain = ''
        parts.push(part)
      }
    }
    if (parts.length === 0) return undefined
    if (plain) parts.push(plainPart(plain))
    return parts
  }

  /** Pieces that follow one another and may be compressed together. */
  function runsOf(pieces: readonly Piece[]): Run[] {
    const runs: Run[] = []
    let last: Run | undefined
    for (const piece of pieces) {
      const { topic } = piece
      // Most have the topic of the one before.
      const mix = last && topic === last.topic ? last.mix : mixOf(topic)
      if (last && mix === last.mix) last.pieces.push(piece)
      else {
        last = { topic, mix, pieces: [piece] }
        runs.push(last)
      }
      last.topic = topic
    }
    return runs
  }

  function mixOf(topic: string | undefined): string | undefined {
    if (topic === undefined || isPrivate(topic)) return undefined
    try {
      const said = mixing(topic)
      if (said === true) return `of ${topic}`
      return typeof said === 'string' ? `as ${said}` : undefined
    } catch (error) {
      failed(error)
      return undefined
    }
  }

  /** Lines that hear the same may have heard other things before it: then their batches differ, and this part of them does not. */
  function partOf(pieces: readonly Piece[]): Part | undefined {
    const [first] = pieces as readonly [Piece]
    const known = made.get(first)
    if (known && isSame(known.pieces, pieces)) return known.part
    const text = textOf(pieces)
    if (text.length < least) return undefined
    const part = compressed(text)
    if (size > kept) {
      made.clear()
      size = 0
    }
    size += part.text.length
    made.set(first, { pieces, part })
    return part
  }
}

interface Run {
  topic: string | undefined
  /** Those of the same one may be compressed together; `undefined` stays as it is. */
  readonly mix: string | undefined
  readonly pieces: Piece[]
}

function isSame(some: readonly Piece[], others: readonly Piece[]): boolean {
  return some.length === others.length && some.every((piece, at) => piece === others[at])
}

function textOf(pieces: readonly Piece[]): string {
  return pieces.map(({ text }) => text).join('')
}

/** What stays as it is. */
export function plainPart(text: string): Part {
  return { text, bytes: Buffer.from(text) }
}

/** What is text has a spare bit in each byte at least, and bytes in base64 have two: all of it becomes smaller. */
function compressed(text: string): Part {
  const bytes = Buffer.from(text)
  const blocks = deflateRawSync(bytes, { level: fastest, finishFlush: constants.Z_SYNC_FLUSH })
  return { text, bytes, blocks }
}

const frames = new WeakMap<Buffer, Buffer>()

/** The blocks of a part as a frame of a server's WebSocket: it is the same for all of them. */
export function frameOf(blocks: Buffer): Buffer {
  const known = frames.get(blocks) ?? framed(blocks)
  frames.set(blocks, known)
  return known
}

/** "Remove 4 octets (that are 0x00 0x00 0xff 0xff) from the tail end" (RFC 7692, 7.2.1); "set the RSV1 bit" (6.1). */
function framed(blocks: Buffer): Buffer {
  const { length } = blocks.subarray(0, -4)
  const head = length < 126 ? 2 : length < 2 ** 16 ? 4 : 10
  const frame = Buffer.allocUnsafeSlow(head + length)
  frame[0] = finalText | compressedBit
  if (head === 2) frame[1] = length
  else if (head === 4) {
    frame[1] = 126
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = 127
    frame.writeBigUInt64BE(BigInt(length), 2)
  }
  blocks.copy(frame, head, 0, length)
  return frame
}

const finalText = 0x81
const compressedBit = 0x40

/** The part as a function writes it, compressed anew where it is compressed: once for each function. */
export function partAs(part: Part, written: (text: string) => string): Part {
  if (!part.blocks) return plainPart(written(part.text))
  const forms = rewritten.get(part) ?? new Map<typeof written, Part>()
  const known = forms.get(written) ?? compressed(written(part.text))
  rewritten.set(part, forms.set(written, known))
  return known
}

const rewritten = new WeakMap<Part, Map<unknown, Part>>()

/** One text in gzip (RFC 1952). What is not compressed stands in it as it is, in blocks of its own. */
export function gzipOf(parts: readonly Part[]): Buffer {
  const whole = Buffer.concat(parts.map(({ bytes }) => bytes))
  // Without compression this is a head, the text, and its sum and size.
  const plain = gzipSync(whole, { level: constants.Z_NO_COMPRESSION })
  const body = parts.flatMap(({ bytes, blocks }) => blocks ?? storedBlocks(bytes))
  return Buffer.concat([gzipHead, ...body, lastBlock, plain.subarray(-8)])
}

/** A stream in gzip, whose parts are those of others too: each line has but a sum and a size of its own. */
export interface GzipStream {
  write(part: Pick<Part, 'bytes' | 'blocks'>): void
  /** The last bytes, by which a client knows that it has all. */
  end(): Buffer
}

/** A Node before 20.15 has no sum to go on with. */
export const canStream = typeof zlib.crc32 === 'function'

/** Begins one; `write` is given its pieces as they come. */
export function createGzip(write: (piece: Buffer) => unknown): GzipStream {
  let sum = 0
  let size = 0
  write(gzipHead)
  return {
    write({ bytes, blocks }) {
      sum = zlib.crc32(bytes, sum)
      size = (size + bytes.length) % 2 ** 32
      write(blocks ?? storedOf(bytes))
    },
    end() {
      const tail = Buffer.alloc(8)
      tail.writeUInt32LE(sum, 0)
      tail.writeUInt32LE(size, 4)
      return Buffer.concat([lastBlock, tail])
    },
  }
}

/** Batches in one answer in gzip, each as bytes where nothing of it is compressed. `form`: how a text is written there, if not as it is. */
export interface Packer {
  write(batch: Batch): void
  /** The last bytes. */
  end(): Buffer
}

export function createPacker(
  compression: Compression,
  write: (piece: Buffer) => unknown,
  bytesFor: (batch: Batch) => Buffer,
  form?: (text: string) => string,
): Packer {
  const gzip = createGzip(write)
  return {
    write(batch) {
      const parts = compression.partsOf(batch)
      if (!parts) gzip.write({ bytes: bytesFor(batch) })
      else for (const part of parts) gzip.write(form ? partAs(part, form) : part)
    },
    end: gzip.end,
  }
}

const stored = new WeakMap<Buffer, Buffer>()

/** Many may hear the same. */
function storedOf(bytes: Buffer): Buffer {
  const known = stored.get(bytes) ?? Buffer.concat(storedBlocks(bytes))
  stored.set(bytes, known)
  return known
}

/** Of no file, of no time, and of any system. */
const gzipHead = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff])

/** "BTYPE=00", "LEN is the number of data bytes in the block. NLEN is the one's complement of LEN" (RFC 1951, 3.2.4). */
function storedBlocks(bytes: Buffer): Buffer[] {
  const blocks: Buffer[] = []
  for (let at = 0; at < bytes.length; at += longestBlock) {
    const piece = bytes.subarray(at, at + longestBlock)
    const head = Buffer.alloc(5)
    head.writeUInt16LE(piece.length, 1)
    head.writeUInt16LE(~piece.length & 0xffff, 3)
    blocks.push(head, piece)
  }
  return blocks
}

const longestBlock = 2 ** 16 - 1

/** Of nothing, and the last one. */
const lastBlock = Buffer.from([1, 0, 0, 0xff, 0xff])
