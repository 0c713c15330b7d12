/**
 * Tries every transport by itself, for a page that a support desk can send.
 *
 * @module throughline/diagnose
 */
import { createPosition } from './connection/position.ts'
import { findings } from './connection/report.ts'
import { withoutQuery } from './contracts/failure.ts'
import type { AnyURL } from './here.ts'
import { noMemory } from './race/preference.ts'
import { createRace } from './race/race.ts'
import { asText, type Explained, explain } from './report.ts'
import { type Catalogue, choose } from './setup/choose.ts'
import type { AnyOptions } from './setup/options.ts'
import { createDestination } from './setup/target.ts'
import { usual } from './usual.ts'

/** What each transport does on this network, for a person at a support desk. */
export interface Diagnosis {
  /** Without the query, and whatever else may be secret in it. */
  readonly url: string
  /** One for each transport, in the order in which they were given. */
  readonly findings: readonly Explained[]
  /** The same as a table in plain text. */
  readonly text: string
}

/**
 * Tries every transport by itself and tells what each does on this network, for a page that a support desk could send. All are tried at
 * the same time, each on its own connection, so that none waits for another.
 *
 * @throws {TypeError} as a rejection that names the URL or option that can't be used; with the plain dialect a SyntaxError (DOMException) for
 *   what is no URL
 */
export function diagnose(url: string | AnyURL, options?: AnyOptions): Promise<Diagnosis> {
  return diagnoseAmong(usual, url, options)
}

/**
 * The same with the transports and dialects of a catalogue by name.
 *
 * @internal
 */
export async function diagnoseAmong(
  catalogue: Catalogue,
  url: string | AnyURL,
  options: AnyOptions = {},
): Promise<Diagnosis> {
  const { transports, dialect } = choose(catalogue, options)
  const tries = transports.map(async transport => {
    // Each has what it learns, and its requests, to itself.
    const { attempts, environment, target } = createDestination(url, options, dialect)
    const there = target({ cursor: '', session: undefined })
    await there.ready?.()
    await new Promise<void>(resolve => {
      const { take: read } = createPosition(dialect.protocol, '', environment)
      const race = createRace([transport], noMemory)
      const channel = race.open(there, {
        opened: look,
        read,
        frame: look,
        alive() {},
        paused() {},
        ended: done,
      })
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
  const found = explain((await Promise.all(tries)).flat())
  const { address } = createDestination(url, options, dialect)
  const shown = withoutQuery(address.href)
  return { url: shown, findings: found, text: asText(shown, found) }
}
