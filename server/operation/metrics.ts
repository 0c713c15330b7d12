import type { Log } from '../log/log.ts'
import type { TransportName } from '../options.ts'
import { byLabel, counter, gauge, type Metric, write } from './exposition.ts'
import type { Counts } from './journal.ts'

/** What a hub has now, beside what it has counted. */
export interface Now {
  lines: Readonly<Record<TransportName, number>>
  sessions: number
  unsent: number
  unhandled: number
  producing: number
  slowed: number
  isAway: boolean
}

/** The text for Prometheus. What the log fails with goes to `failed`, and its figures are left out. */
export function writeMetrics(
  counts: Counts,
  now: Now,
  log: Log,
  loopDelay: Metric,
  failed: (error: unknown) => void,
): string {
  const own = [...metricsOf(counts, now), loopDelay, upOf(log)]
  try {
    const ofLog = (log.metrics?.() ?? []).map(metric => ({
      ...metric,
      name: `throughline_log_${metric.name}`,
    }))
    return write([...own, ...ofLog])
  } catch (error) {
    failed(error)
    return write(own)
  }
}

/** Each family once. docs/operations.md says of each what it is good for. */
function metricsOf(counts: Counts, now: Now): Metric[] {
  return [
    byLabel('gauge', 'throughline_lines', 'Open channels.', 'transport', now.lines),
    gauge('throughline_sessions', 'Sessions, those between two channels included.', now.sessions),
    byLabel(
      'counter',
      'throughline_opens_total',
      'Channels that opened. Each poll is one.',
      'transport',
      counts.opens,
    ),
    counter('throughline_resumes_total', 'Lines that came with a position to go on from.', counts.resumes),
    byLabel('counter', 'throughline_closes_total', 'Channels that are over.', 'reason', counts.closes),
    byLabel(
      'counter',
      'throughline_refusals_total',
      'Requests and handshakes that were refused.',
      'reason',
      counts.refusals,
    ),
    byLabel(
      'counter',
      'throughline_gaps_total',
      'Losses that lines were told of, by a gap.',
      'reason',
      counts.gaps,
    ),
    byLabel(
      'counter',
      'throughline_in_doubt_total',
      'Sessions whose client may not know what became of its last sends.',
      'cause',
      counts.doubts,
    ),
    counter('throughline_slow_readers_total', 'How often a line fell behind what is published.', counts.slow),
    counter('throughline_stuck_total', 'Lines that were cut since they took nothing.', counts.stuck),
    counter(
      'throughline_resume_pages_total',
      'Pages of the log that were read for lines that came back, fell behind or may have missed something.',
      counts.pages,
    ),
    counter(
      'throughline_messages_published_total',
      'Messages that were published on this node, replies and answers included.',
      counts.published,
    ),
    counter(
      'throughline_messages_delivered_total',
      'Messages that were handed to lines: one that a thousand hear is a thousand.',
      counts.delivered,
    ),
    gauge('throughline_unsent_bytes', 'What waits for slow readers.', now.unsent),
    gauge('throughline_unhandled_bytes', 'What is on its way to listeners.', now.unhandled),
    counter(
      'throughline_overdue_total',
      'Messages that listeners were not done with in time.',
      counts.overdue,
    ),
    counter('throughline_slowed_total', 'How often a client was held back that sends too much.', now.slowed),
    gauge('throughline_producing', 'What produce is at work on.', now.producing),
    gauge(
      'throughline_draining',
      'Whether the hub is going away: 1 from drain or close on.',
      Number(now.isAway),
    ),
  ]
}

function upOf(log: Log): Metric {
  return gauge('throughline_log_up', 'Whether the log can be read.', Number(log.ready !== false))
}
