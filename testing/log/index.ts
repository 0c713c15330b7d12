/**
 * The contract of a log, as cases that any test runner can run: for whoever writes a log of their own for `createHub({ log })`. docs/write-a-log.md
 * has it in words.
 *
 * @module throughline/testing/log
 */

import type { Log } from '../../server/index.ts'
import { backwards } from './backwards.ts'
import { gaps } from './gaps.ts'
import { ids } from './ids.ts'
import { listening } from './listening.ts'
import { histories } from './model.ts'
import { hasPatterns, inOneSpace, taggedOptions } from './one-space.ts'
import { pages } from './pages.ts'
import { registry } from './registry.ts'
import { spaces } from './spaces.ts'
import type { Case, LogOptions } from './steps.ts'
import { topics } from './topics.ts'
import { whole } from './whole.ts'

export type { LogOptions } from './steps.ts'

/** What the cases need to know of a log. */
export interface LogCasesOptions<Kind extends Log = Log> {
  /**
   * Makes a log that is empty, in an epoch of its own, and shares nothing with those made before. With `retain` and `expire` it keeps as many messages, and
   * each topic as long, as they say, be it one number or one for each pattern.
   */
  make(options?: LogOptions): Kind | Promise<Kind>
  /** Ends what `make` gave, once its case is over. @default nothing is done */
  close?(log: Kind): unknown
  /** How many histories are made up and compared with a model that keeps everything. @default 50 */
  histories?: number
  /** What they are made up from. The same number gives the same histories. @default another one each time; a failure names it */
  seed?: number
}

/** A part of the contract, as docs/write-a-log.md has it in its headings. */
export type LogPart =
  | 'ids'
  | 'gaps'
  | 'topics'
  | 'whole'
  | 'backwards'
  | 'pages'
  | 'listening'
  | 'registry'
  | 'spaces'
  | 'histories'

/** One case. */
export interface LogCase {
  /** The part that it belongs to: a log that passes over `whole` leaves that part out. */
  readonly part: LogPart
  /** The clause that it checks, as a sentence. */
  readonly name: string
  /** Rejects, with an `AssertionError` of Node's, where the log does not keep the clause. It may take seconds. */
  run(): Promise<void>
}

/**
 * Gives the cases, in the order of docs/write-a-log.md. Each makes logs of its own, so they may run in any order, or all at once. None leans on how fast the log is.
 * A log that is spread, which says so by its `spaces`, is asked for all of it in topics of one space: their names have the same text in braces then, `{one}a`.
 */
export function logCases<Kind extends Log>({
  make,
  close,
  histories: count = 50,
  seed = Math.floor(Math.random() * 2 ** 31),
}: LogCasesOptions<Kind>): LogCase[] {
  const parts: Record<LogPart, Readonly<Record<string, Case>>> = {
    ids,
    gaps,
    topics,
    whole,
    backwards,
    pages,
    listening,
    registry,
    spaces,
    histories: histories(count, seed),
  }
  return (Object.keys(parts) as LogPart[]).flatMap(part =>
    Object.entries(parts[part]).map(([name, act]) => ({ part, name, run: () => run(part, act) })),
  )

  async function run(part: LogPart, act: Case): Promise<void> {
    const made: Kind[] = []
    try {
      await act(async options => {
        const log = await begin(options)
        if (part === 'spaces' || !log.spaces) return log
        return inOneSpace(hasPatterns(options) ? await begin(taggedOptions(options)) : log)
      })
    } finally {
      for (const log of made) await close?.(log)
    }

    async function begin(options?: LogOptions): Promise<Kind> {
      const log = await make(options)
      made.push(log)
      return log
    }
  }
}
