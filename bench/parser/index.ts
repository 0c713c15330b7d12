/**
 * Our parser against eventsource-parser: `npm run bench -- --only parser`.
 *
 * Method. Each row runs in a process of its own (row.ts), so that what the engine learnt from one does not speak in
 * another. There, a stream of 8 MB (1 MB for one-byte chunks) is cut into chunks before anything is timed; each
 * is a flat string, as a decoder gives it. In a round either parser reads the stream once, with a new parser; who
 * goes first alternates. Both have the same limit, and both are made to touch the text they hand over (its length
 * and last character are added up, and the sums must agree), so that nobody wins by putting off work. The first
 * rounds warm up and do not count.
 *
 * Shown: the median of the rounds in MB/s (all text is ASCII: characters are bytes), and the median of the rounds'
 * ratios. "array" is `for (const block of parser.feed(chunk))`, "sink" is `parser.feed(chunk, sink)`;
 * eventsource-parser has only a callback, which "sink" resembles. Whether it stays linear is asked with streams of twice the
 * size of events, up to 4 MB: the time for a byte may not grow.
 */
import { cpus } from 'node:os'
import type { Effort } from '../question.ts'
import { atLeast, atMost, type Found, question, type Row } from '../report/findings.ts'
import { startChild } from '../stage/child.ts'
import type { RowOrder, Speeds } from './row.ts'

const streams = [
  '100-byte events, 64 KiB chunks',
  '100-byte events with ids, 64 KiB chunks',
  '100-byte events, one-byte chunks',
  '1 MB events, 16 KiB chunks',
]
const forms = ['sink', 'array'] as const

export const parser = question(
  { name: 'parser', title: 'Parser', intro: 'MB of text in a second, in Node.' },
  find,
)

async function find({ quick, part }: Effort): Promise<Found> {
  const rounds = quick ? 5 : 31
  const measured: (Speeds & Omit<RowOrder, 'rounds'>)[] = []
  for (const stream of streams.filter(name => name.includes(part)))
    for (const form of forms) measured.push({ stream, form, ...(await speedsOf({ stream, form, rounds })) })
  const small = await speedsOf({ stream: 'growing:256', form: 'array', rounds })
  const large = await speedsOf({ stream: 'growing:4096', form: 'array', rounds })
  return {
    machine: { cores: cpus().length, node: process.version, browser: '' },
    rounds,
    tables: [
      {
        name: 'parser',
        title: 'MB/s',
        what: 'Ratios are medians of the rounds.',
        columns: [
          { name: 'ours', digits: 0 },
          { name: 'eventsource-parser', digits: 0 },
          { name: 'ratio', digits: 2 },
        ],
        rows: measured.map(
          ({ stream, form, ours, peer, ratio }): Row => ({
            who: `${stream}, ${form}`,
            kind: 'ours',
            cells: [ours, peer, ratio],
          }),
        ),
      },
    ],
    bars: [
      ...measured.map(({ stream, form, ratio }) =>
        atLeast(`${stream}, ${form} ≥ eventsource-parser`, ratio, 1, '×'),
      ),
      atMost(
        'linear: a byte of a 4 MB event takes ≤ 1.2 × that of a 256 kB one',
        small.ours / large.ours,
        1.2,
        '×',
      ),
    ],
  }
}

async function speedsOf(order: RowOrder): Promise<Speeds> {
  const child = await startChild<RowOrder, Speeds>(new URL('row.ts', import.meta.url))
  const speeds = await child.ask(order)
  child.stop()
  return speeds
}
