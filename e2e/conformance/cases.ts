import type { Engine } from '../fixtures/engines.ts'
import { expect, type TestPage } from '../fixtures/test.ts'
import type { Place, Script, Stand } from './stand.ts'

/** The channels that can stand in for an EventSource. */
export const channels = ['eventsource', 'xhr-streaming', 'long-polling'] as const
/** What may stand in for one: they too, and our own class of that name. */
export const sources = [...channels, 'drop-in'] as const
export type PipeName = (typeof sources)[number]

/** One behaviour: what a server does, and what a page hears of it. */
export interface Case {
  /** As a sentence that continues "a line …". */
  readonly name: string
  readonly script: Script
  readonly names?: readonly string[]
  readonly options?: object
  /** Serves it from another origin. */
  readonly away?: Parameters<Stand['serveAway']>[1]
  /** What is heard, as recorder.js words it; listening ends after as many. */
  readonly hears: readonly string[]
  /** What is heard where a browser goes its own way: all its channels, one channel in all browsers, or one channel in one. */
  readonly but?: Partial<Record<Engine | PipeName | `${Engine} ${PipeName}`, readonly string[]>>
  /** How long to wait for what is heard, in ms. */
  readonly patience?: number
  /** What the server saw. */
  asked?(place: Place, channel: PipeName, engine: Engine): void
}

interface Run {
  readonly stand: Stand
  readonly page: TestPage
  readonly channel: PipeName
  readonly engine: Engine
  /** @default in the page itself */
  readonly where?: 'Worker' | 'SharedWorker'
}

declare const recordAll: (cases: object[], where?: string) => Promise<string[][]>

/** Plays all cases in one page, and holds each against its sentence. */
export async function expectCases(
  cases: readonly Case[],
  { stand, page, channel, engine, where }: Run,
): Promise<void> {
  await page.goto(stand.page)
  const played = cases.map(each => play(each, { stand, channel, engine }))
  const given = played.map(each => each.given)
  const heard = await page.evaluate(({ given, where }) => recordAll(given, where), { given, where })
  for (const [index, { name, wanted, place, asked }] of played.entries()) {
    expect.soft(heard[index], `a line ${name}`).toEqual(wanted)
    asked?.(place, channel, engine)
  }
}

function play(each: Case, { stand, channel, engine }: Omit<Run, 'page'>) {
  const { name, script, away, names, options, hears, but, patience, asked } = each
  const place = away === undefined ? stand.serve(script) : stand.serveAway(script, away)
  const wanted = but?.[`${engine} ${channel}`] ?? but?.[engine] ?? but?.[channel] ?? hears
  // Relative to the page, or to the worker.
  const url = away === undefined ? place.path.replace('/conformance/', '') : place.url
  return {
    name,
    wanted,
    place,
    asked,
    given: { url, channel, names, options, patience, count: wanted.length },
  }
}
