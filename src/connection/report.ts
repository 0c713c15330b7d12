import type { TransportName } from '../contracts/failure.ts'
import type { Attempt } from '../contracts/transport.ts'

/** What became of one try of one transport, in figures and in words. Times in ms. */
export interface Finding {
  readonly transport: TransportName
  /** On the clock of `performance.now()`. */
  readonly started: number
  /** From the start until the other side accepted, the first block came, and the proof came that data flows. */
  readonly opened: number | undefined
  readonly heard: number | undefined
  readonly proven: number | undefined
  /** How long it lasted; so far, if it is in use. */
  readonly lasted: number
  readonly state: 'trying' | 'in use' | 'left' | 'failed'
  /** One sentence that a person can act on. */
  readonly verdict: string
}

/** Looks back on the tries of a line. */
export function findings(attempts: readonly Attempt[], now: number): Finding[] {
  return attempts.map(attempt => {
    const { transport, started, failure, ended } = attempt
    const since = (time: number | undefined) => time && time - started
    const lasted = (ended ?? now) - started
    const state = failure ? 'failed' : ended ? 'left' : attempt.proven ? 'in use' : 'trying'
    const found = { transport, started, lasted, state } as const
    const times = {
      opened: since(attempt.opened),
      heard: since(attempt.heard),
      proven: since(attempt.proven),
    }
    return { ...found, ...times, verdict: verdict({ ...found, ...times }, failure?.message) }
  })
}

function verdict(found: Omit<Finding, 'verdict'>, why: string | undefined): string {
  const { opened, heard, proven, lasted, state } = found
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

/** The findings as a table in plain text, to be copied into a mail. */
export function asText(url: string, found: readonly Finding[]): string {
  const rows = found.map(
    ({ transport, state, verdict }) => `${transport.padEnd(14)} ${state.padEnd(7)} ${verdict}`,
  )
  return [`Ways to ${url}`, ...rows].join('\n')
}
