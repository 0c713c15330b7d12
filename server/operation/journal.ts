import { createHash } from 'node:crypto'
import { type RefusalReason, refusalReasons } from '../http-error.ts'
import type { GapReason } from '../log/log.ts'
import { type TransportName, transports } from '../options.ts'
import { printable } from '../printer.ts'
import type { Refused } from '../sessions/inbox.ts'
import type { Connection } from '../sessions/session.ts'
import { type CloseReason, closeReasons, type DoubtCause, doubtCauses, type HubRecord } from './record.ts'

/** What a hub has counted since it was made. `stats()` and `metrics()` both read it. */
export interface Counts {
  readonly opens: Record<TransportName, number>
  readonly closes: Record<CloseReason, number>
  readonly refusals: Record<RefusalReason, number>
  readonly gaps: Record<GapReason, number>
  readonly doubts: Record<DoubtCause, number>
  /** Lines that came with a position. */
  resumes: number
  /** How often a line fell behind. */
  slow: number
  /** Lines that were cut since they took nothing, those that were ending already among them. */
  stuck: number
  /** Pages of the log that were read for lines with a position. */
  pages: number
  published: number
  /** Messages that were handed to lines: one that a thousand hear is a thousand. */
  delivered: number
  overdue: number
}

/** The one place that counts what happens, and tells it as records to whoever listens. */
export interface Journal {
  readonly counts: Counts
  /** `isFirst`: it is no further poll. */
  opened(connection: Connection, how: { isFirst: boolean; resumed: boolean }): void
  closed(connection: Connection, reason: CloseReason): void
  refused(refused: Refused): void
  gap(connection: Connection, reason: GapReason, topic: string | undefined): void
  slow(connection: Connection): void
  doubt(session: string, cause: DoubtCause): void
  /** Looks whether the log can be read, and tells of it when that has changed. `why` it cannot, where that is known. */
  logIs(ready: boolean, why?: unknown): void
  draining(sessions: number, lines: number): void
  over(): void
}

/** `hears` says whether anybody listens: a record is made for nobody else. */
export function createJournal(hears: () => boolean, tell: (record: HubRecord) => void): Journal {
  const counts = createCounts()
  let awaySince: number | undefined
  let isOver = false

  return { counts, opened, closed, refused, gap, slow, doubt, logIs, draining, over }

  function opened(
    connection: Connection,
    { isFirst, resumed }: { isFirst: boolean; resumed: boolean },
  ): void {
    const { transport } = connection.channel
    counts.opens[transport]++
    if (isFirst && resumed) counts.resumes++
    if (!isFirst || !hears()) return
    const { id, address } = connection.member.session
    tell({ event: 'open', session: nameOf(id), transport, address, resumed })
  }

  function closed(connection: Connection, reason: CloseReason): void {
    counts.closes[reason]++
    if (reason !== 'answered' && hears()) tell({ event: 'close', ...about(connection), reason })
  }

  function refused(refused: Refused): void {
    counts.refusals[refused.reason]++
    if (hears()) tell({ event: 'refused', ...refused })
  }

  function gap(connection: Connection, reason: GapReason, topic: string | undefined): void {
    counts.gaps[reason]++
    if (hears()) tell({ event: 'gap', ...about(connection), reason, topic })
  }

  function slow(connection: Connection): void {
    counts.slow++
    if (hears()) tell({ event: 'slow', ...about(connection), unsent: connection.channel.unsent() })
  }

  function doubt(session: string, cause: DoubtCause): void {
    counts.doubts[cause]++
    if (hears()) tell({ event: 'doubt', session: nameOf(session), cause })
  }

  function logIs(ready: boolean, why?: unknown): void {
    if (ready === (awaySince === undefined)) return
    const since = awaySince
    awaySince = ready ? undefined : Date.now()
    if (!hears()) return
    if (since !== undefined) tell({ event: 'log-back', afterMs: Date.now() - since })
    else tell({ event: 'log-away', message: printable(messageOf(why), 1_000) })
  }

  function draining(sessions: number, lines: number): void {
    if (hears()) tell({ event: 'drain', sessions, lines })
  }

  function over(): void {
    if (!isOver && hears()) tell({ event: 'closed' })
    isOver = true
  }
}

function about({ channel, member }: Connection): { session: string; transport: TransportName } {
  return { session: nameOf(member.session.id), transport: channel.transport }
}

/** Whoever has the id of a session may be taken for its client: a log is no place for it. */
function nameOf(id: string): string {
  return createHash('sha256').update(id).digest('hex').slice(0, 12)
}

function messageOf(why: unknown): string {
  return why === undefined ? 'the log cannot be read' : why instanceof Error ? why.message : String(why)
}

function createCounts(): Counts {
  return {
    opens: noLines(),
    closes: zeros(closeReasons),
    refusals: zeros(refusalReasons),
    gaps: zeros(gapReasons),
    doubts: zeros(doubtCauses),
    resumes: 0,
    slow: 0,
    stuck: 0,
    pages: 0,
    published: 0,
    delivered: 0,
    overdue: 0,
  }
}

/** No line of any transport. */
export function noLines(): Record<TransportName, number> {
  return zeros(transports.filter(name => name !== 'post'))
}

const gapReasons: readonly GapReason[] = ['trimmed', 'epoch', 'future', 'rollback', 'unknown']

function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map(name => [name, 0])) as Record<Name, number>
}

export function sumOf(counts: Record<string, number>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0)
}
