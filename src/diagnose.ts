import { type AnyOptions, type Defaults, prepare } from './connect.ts'
import { asText, type Finding, findings } from './connection/report.ts'
import { withoutQuery } from './contracts/failure.ts'
import type { Attempt } from './contracts/transport.ts'
import type { AnyURL } from './here.ts'
import { noMemory } from './race/preference.ts'
import { createRace } from './race/race.ts'

/** What each transport does on this network, for a person at a support desk. */
export interface Diagnosis {
  /** Without the query, and whatever else may be secret in it. */
  readonly url: string
  readonly findings: readonly Finding[]
  /** The same as a table in plain text. */
  readonly text: string
}

/** Tries each transport by itself, all at the same time: each on its own connection, so that none waits for another. */
export async function diagnose(
  catalogue: Defaults,
  url: string | AnyURL,
  options: AnyOptions = {},
): Promise<Diagnosis> {
  const { address, transports, environment, origin, target } = prepare(catalogue, url, options)
  const tries = transports.map(async transport => {
    const attempts: Attempt[] = []
    const there = target({ cursor: '', session: undefined })
    await there.ready?.()
    await new Promise<void>(resolve => {
      const race = createRace([transport], { memory: noMemory, eager: false, origin, attempts })
      const channel = race.open(there, { opened: look, paused() {}, blocks: look, ended: done })
      const limit = environment.setTimeout(done, there.timeout)

      function look(): void {
        queueMicrotask(() => attempts[0]?.proven && done())
      }

      function done(): void {
        environment.clearTimeout(limit)
        resolve()
        queueMicrotask(channel.close)
      }
    })
    return findings(attempts, environment.now())
  })
  const found = (await Promise.all(tries)).flat()
  const shown = withoutQuery(address.href)
  return { url: shown, findings: found, text: asText(shown, found) }
}
