/**
 * What `line.report()` gives, in words.
 *
 * @module throughline/report
 */
import type { Finding } from './connection/report.ts'
import { sentence } from './words.ts'

/** A finding, and one sentence about it that a person can act on. */
export interface Explained extends Finding {
  /** What became of the try, and why, such as "works: data flows, proven after 35 ms". */
  readonly verdict: string
}

/**
 * Says in words what became of each try.
 *
 * ```ts
 * import { explain } from 'throughline/report'
 * console.table(explain(line.report()))
 * ```
 */
export function explain(report: readonly Finding[]): Explained[] {
  return report.map(finding => ({ ...finding, verdict: verdict(finding) }))
}

function verdict({ opened, heard, proven, lasted, state, failure }: Finding): string {
  const why = failure && sentence(failure)
  if (proven !== undefined) {
    const proof = `works: data flows, proven after ${ms(proven)}`
    return state === 'in use'
      ? proof
      : `${proof}; ${why ? `then, after ${ms(lasted)}: ${why}` : `left after ${ms(lasted)}`}`
  }
  if (heard !== undefined) {
    const began = `the first data came after ${ms(heard)}`
    if (state === 'left') return `${began}, then another way was taken`
    if (state === 'trying') return `${began}, the proof is due`
    return `${began}, then ${why}: something between holds it back or cuts it`
  }
  if (opened !== undefined) {
    const accepted = `accepted after ${ms(opened)}, then`
    if (state === 'failed') return `${accepted} ${why}: something between swallows it or cuts it`
    const silence = `${accepted} nothing for ${ms(lasted - opened)}`
    return state === 'left'
      ? `${silence}, and another way was taken`
      : `${silence}: something between swallows it`
  }
  if (state === 'failed') return `failed after ${ms(lasted)}: ${why}`
  if (state === 'trying') return `no answer for ${ms(lasted)}`
  return `no answer for ${ms(lasted)}, then another way was taken`
}

function ms(time: number): string {
  return time < 10_000 ? `${Math.round(time)} ms` : `${Math.round(time / 1000)} s`
}

/** The same as a table in plain text, to be copied into a mail. `url` is shown as it is: `line.url` may hold secrets. */
export function asText(url: string, explained: readonly Explained[]): string {
  const rows = explained.map(
    ({ transport, state, verdict }) => `${transport.padEnd(14)} ${state.padEnd(7)} ${verdict}`,
  )
  return [`Ways to ${url}`, ...rows].join('\n')
}
