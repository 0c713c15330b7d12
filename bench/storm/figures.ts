import { type Course, tick } from './simulate.ts'

/** What a course comes to. All times in ms; Infinity: not within the limit. */
export interface Figures {
  /** From the cut until the last client was back. */
  recovery: number
  /** The same from the end of the outage. */
  drain: number
  /** When half of all clients were back. */
  median: number
  p99: number
  /** Attempts per client, the last one included. */
  attemptsEach: number
  /** The most attempts within a second, once the server was up. */
  peak: number
  gaveUp: number
}

export function figures({ storm, attempts, admitted, gaveUp }: Course): Figures {
  const { clients, outage } = storm
  const recovery = timeUntil(clients, admitted)
  return {
    recovery,
    drain: recovery - outage,
    median: timeUntil(clients * 0.5, admitted),
    p99: timeUntil(clients * 0.99, admitted),
    attemptsEach: attempts.reduce((sum, count) => sum + count, 0) / clients,
    peak: Math.max(...attempts.subarray(Math.ceil(outage / 1_000))),
    gaveUp,
  }
}

function timeUntil(many: number, admitted: Uint32Array): number {
  let back = 0
  const when = admitted.findIndex(count => {
    back += count
    return back >= many
  })
  return when < 0 ? Number.POSITIVE_INFINITY : when * tick
}
