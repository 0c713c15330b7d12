/**
 * Our parser against eventsource-parser: `npx tsx bench/parser.ts [rounds]`.
 *
 * Method. Each row runs in a process of its own, so that what the engine learnt from one does not speak in
 * another. There, a stream of 8 MB (1 MB for one-byte chunks) is cut into chunks before anything is timed; each
 * is a flat string, as a decoder gives it. In a round either parser reads the stream once, with a new parser; who
 * goes first alternates. Both have the same limit, and both are made to touch the text they hand over (its length
 * and last character are added up, and the sums must agree), so that nobody wins by putting off work. The first
 * rounds warm up and do not count.
 *
 * Shown: the median of the rounds in MB/s (all text is ASCII: characters are bytes), and the median of the rounds'
 * ratios. "array" is `for (const block of parser.feed(chunk))`, "sink" is `parser.feed(chunk, sink)`;
 * eventsource-parser has only a callback, which "sink" resembles.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { createParser as createPeer } from 'eventsource-parser'
import { createParser } from '../src/wire/parser.ts'

type Read = (chunks: string[]) => number

const limit = 2 ** 21
const warmup = 5

const streams: Record<string, () => string[]> = {
  '100-byte events, 64 KiB chunks': () => cut(stream(100, 80_000), 65_536),
  '100-byte events with ids, 64 KiB chunks': () => cut(stream(100, 80_000, 'id: 1a2b3c.4711.x7\n'), 65_536),
  '100-byte events, one-byte chunks': () => cut(stream(100, 10_000), 1),
  '1 MB events, 16 KiB chunks': () => cut(stream(1_000_000, 8), 16_384),
}

const readers: Record<string, Read> = {
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

const [rounds = '31', name, form] = process.argv.slice(2)
if (name && form) printRow(name, form)
else printTable()

function printTable(): void {
  print(`MB/s, median of ${rounds} rounds`, '', 'ours', 'eventsource-parser', 'ratio')
  for (const name of Object.keys(streams)) {
    for (const form of Object.keys(readers)) {
      const self = [...process.execArgv, fileURLToPath(import.meta.url), rounds, name, form]
      const { status } = spawnSync(process.execPath, self, { stdio: 'inherit' })
      if (status !== 0) process.exit(1)
    }
  }
}

function printRow(name: string, form: string): void {
  const chunks = streams[name]?.() ?? []
  const read = readers[form] ?? readByPeer
  const size = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  const ours: number[] = []
  const peer: number[] = []
  for (let round = 0; round < warmup + Number(rounds); round++) {
    const sums = new Set<number>()
    const turns: [Read, number[]][] = [
      [read, ours],
      [readByPeer, peer],
    ]
    if (round % 2) turns.reverse()
    for (const [read, speeds] of turns) {
      const from = performance.now()
      sums.add(read(chunks))
      speeds.push(size / 1000 / (performance.now() - from))
    }
    if (sums.size > 1) throw new Error(`${name}: the parsers do not agree, ${[...sums].join(' and ')}`)
  }
  const ratios = ours.map((speed, round) => speed / (peer[round] ?? 0))
  print(name, form, median(ours).toFixed(0), median(peer).toFixed(0), median(ratios).toFixed(2))
}

function print(name: string, form: string, ours: string, peer: string, ratio: string): void {
  console.log(name.padEnd(41) + form.padEnd(6) + ours.padStart(6) + peer.padStart(20) + ratio.padStart(7))
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

function median(numbers: number[]): number {
  const sorted = numbers.slice(warmup).sort((a, b) => a - b)
  return sorted[sorted.length >> 1] ?? 0
}
