/** One row of the table, in a process of its own. */
import { createParser as createPeer } from 'eventsource-parser'
import { createParser } from '../../src/wire/parser.ts'
import { median } from '../numbers.ts'
import { answer } from '../stage/child.ts'

/** What is read, and how. */
export interface RowOrder {
  readonly rounds: number
  readonly stream: string
  readonly form: 'sink' | 'array'
}

/** Medians, in MB/s. */
export interface Speeds {
  readonly ours: number
  readonly peer: number
  readonly ratio: number
}

type Read = (chunks: string[]) => number

const limit = 2 ** 23
const warmup = 5

const streams: Record<string, () => string[]> = {
  '100-byte events, 64 KiB chunks': () => cut(stream(100, 80_000), 65_536),
  '100-byte events with ids, 64 KiB chunks': () => cut(stream(100, 80_000, 'id: 1a2b3c.4711.x7\n'), 65_536),
  '100-byte events, one-byte chunks': () => cut(stream(100, 10_000), 1),
  '1 MB events, 16 KiB chunks': () => cut(stream(1_000_000, 8), 16_384),
}

const readers: Record<RowOrder['form'], Read> = {
  sink(chunks) {
    let sum = 0
    const sink = {
      push(block: { data: string | undefined }) {
        sum += touch(block.data ?? '')
      },
    }
    const parser = createParser({ limit })
    for (const chunk of chunks) parser.feed(chunk, sink)
    return sum
  },
  array(chunks) {
    let sum = 0
    const parser = createParser({ limit })
    for (const chunk of chunks) for (const block of parser.feed(chunk)) sum += touch(block.data ?? '')
    return sum
  },
}

const readByPeer: Read = chunks => {
  let sum = 0
  const parser = createPeer({
    maxBufferSize: limit,
    onEvent(event) {
      sum += touch(event.data)
    },
  })
  for (const chunk of chunks) parser.feed(chunk)
  return sum
}

answer(measure)

function measure({ rounds, stream: name, form }: RowOrder): Speeds {
  const chunks = streams[name]?.() ?? growing(name)
  const read = readers[form]
  const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  const ours: number[] = []
  const peer: number[] = []
  for (let round = 0; round < warmup + rounds; round++) {
    const sums = new Set<number>()
    const turns: [Read, number[]][] = [
      [read, ours],
      [readByPeer, peer],
    ]
    if (round % 2) turns.reverse()
    for (const [read, speeds] of turns) {
      const from = performance.now()
      sums.add(read(chunks))
      if (round >= warmup) speeds.push(size / 1000 / (performance.now() - from))
    }
    if (sums.size > 1) throw new Error(`${name}: the parsers do not agree, ${[...sums].join(' and ')}`)
  }
  const ratios = ours.map((speed, round) => speed / (peer[round] ?? 0))
  return { ours: median(ours), peer: median(peer), ratio: median(ratios) }
}

/** `growing:<kB>`: events of that size, 8 MB in all, in chunks of 16 KiB. */
function growing(name: string): string[] {
  const size = Number(/^growing:(\d+)$/.exec(name)?.[1]) * 1_000
  if (!size) throw new Error(`there is no stream "${name}"`)
  return cut(stream(size, Math.ceil(8_000_000 / size)), 16_384)
}

function stream(size: number, count: number, id = ''): string {
  return `${id}data: ${'x'.repeat(size - 8 - id.length)}\n\n`.repeat(count)
}

function cut(text: string, size: number): string[] {
  const bytes = new TextEncoder().encode(text)
  const decoder = new TextDecoder()
  const chunks: string[] = []
  for (let at = 0; at < bytes.length; at += size) chunks.push(decoder.decode(bytes.subarray(at, at + size)))
  return chunks
}

function touch(data: string): number {
  return data.length + data.charCodeAt(data.length - 1)
}
