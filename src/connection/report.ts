import type { Failure, TransportName } from '../contracts/failure.ts'
import type { Attempt } from '../contracts/transport.ts'

/** What became of one try of one transport, in figures. Times in ms. `explain()` from `throughline/report` says it in words. */
export interface Finding {
  /** The transport that was tried. */
  readonly transport: TransportName
  /** When the try began, on the clock of `performance.now()`. */
  readonly started: number
  /** From the start until the other side accepted; `undefined` if it did not. */
  readonly opened: number | undefined
  /** From the start until the first data came; `undefined` if none came. */
  readonly heard: number | undefined
  /** From the start until it was proven that data flows; `undefined` if it was not. */
  readonly proven: number | undefined
  /** How long it lasted; so far, if it is in use. */
  readonly lasted: number
  /** `left`: it was given up for another transport, or the line was closed. */
  readonly state: 'trying' | 'in use' | 'left' | 'failed'
  /** Why it failed, if it did. */
  readonly failure: Omit<Failure, 'cause'> | undefined
}

/** Looks back on the tries of a line. */
export function findings(attempts: readonly Attempt[], now: number): Finding[] {
  return attempts.map(({ transport, started, opened, heard, proven, ended, failure }) => {
    const since = (time: number | undefined) => time && time - started
    return {
      transport,
      started,
      opened: since(opened),
      heard: since(heard),
      proven: since(proven),
      lasted: (ended ?? now) - started,
      state: failure ? 'failed' : ended ? 'left' : proven ? 'in use' : 'trying',
      failure: failure && { ...failure, cause: undefined },
    }
  })
}
