import type { Block } from '../../src/wire/block.ts'
import type { Case } from './case.ts'
import { format } from './cases/format.ts'
import { gaps } from './cases/gaps.ts'
import { opening } from './cases/opening.ts'
import { proof } from './cases/proof.ts'
import { refusals } from './cases/refusals.ts'
import { requests } from './cases/requests.ts'
import { topics } from './cases/topics.ts'
import { upward } from './cases/upward.ts'
import { ask, brief, openChannel, type Place, type Via, vias } from './channel.ts'
import { createTrial, type Given, type Offer, type Way } from './trial.ts'
import { Breach, NotTried } from './verdict.ts'

export const cases: readonly Case[] = [
  ...opening,
  ...requests,
  ...format,
  ...gaps,
  ...proof,
  ...upward,
  ...refusals,
  ...topics,
]

export interface CheckOptions extends Partial<Given> {
  readonly url: URL
  readonly token?: string | undefined
  /** How long each answer is waited for, in ms. */
  readonly patience: number
  /** Names of cases, or what they begin with; all, if it is empty. */
  readonly only?: readonly string[]
  /** Is told of each outcome as it is known. */
  readonly tell?: (outcome: Outcome) => void
}

/** What became of one case over one transport. */
export interface Outcome {
  readonly name: string
  readonly clause: string
  readonly level: 'MUST' | 'SHOULD'
  /** The transport or the way up; empty where the case has none. */
  readonly over: string
  readonly rule: string
  readonly result: 'kept' | 'broken' | 'not tried'
  readonly expected?: string
  readonly came?: string
  /** Why it was not tried. */
  readonly why?: string
}

export interface Report {
  readonly url: string
  readonly offered: readonly (Via | Way)[]
  readonly notOffered: readonly (Via | Way)[]
  readonly outcomes: readonly Outcome[]
}

/** Tries each case over each transport that the server offers, one after the other, each within a time. */
export async function runCheck(options: CheckOptions): Promise<Report> {
  const { url, token, patience, only = [], tell } = options
  const place: Place = { url, token, patience }
  const given: Given = {
    origin: options.origin,
    refuses: options.refuses,
    publish: options.publish,
    slow: options.slow ?? false,
  }
  const offer = await findOffer(place)
  const outcomes: Outcome[] = []
  const wanted = cases.filter(
    ({ name }) => only.length === 0 || only.some(each => name === each || name.startsWith(`${each}.`)),
  )
  for (const each of inGroups(wanted)) {
    for (const over of runsOf(each, offer)) {
      const outcome = await tryCase(each, place, offer, given, over)
      outcomes.push(outcome)
      tell?.(outcome)
    }
  }
  const all = [...vias, 'post'] as const
  const offered = all.filter(
    name => offer.channels.some(via => via === name) || offer.ways.some(way => way === name),
  )
  return { url: url.href, offered, notOffered: all.filter(name => !offered.includes(name)), outcomes }
}

/** The clauses in the order in which PROTOCOL.md has them; the first is docs/check.md's. */
export const clauses = [
  'The check profile',
  'One format',
  'One URL',
  'A ticket',
  'A long query',
  'The five transports',
  '`rt.open`: first block of every channel',
  'Messages',
  '`rt.gap`: some messages are lost',
  '`rt.tick`: the proof that a stream flows',
  '`rt.beat`, `rt.pong`',
  '`rt.ack`',
  '`rt.nack`: a message was not taken',
  '`rt.answer`: what the application answers',
  '`rt.fail`: refused, and why',
  'Topics',
  'Upward',
  'Statuses',
  "A session's life",
]

function inGroups(list: readonly Case[]): Case[] {
  return clauses.flatMap(clause => list.filter(each => each.clause === clause))
}

interface Over {
  readonly via?: Via
  readonly way?: Way
}

function runsOf({ over, by }: Case, { channels, ways }: Offer): Over[] {
  if (over) return over.filter(via => channels.includes(via)).map(via => ({ via }))
  if (by) return by.filter(way => ways.includes(way)).map(way => ({ way }))
  return [{}]
}

async function tryCase(tried: Case, place: Place, offer: Offer, given: Given, over: Over): Promise<Outcome> {
  const { name, clause, rule, level = 'MUST' } = tried
  const about: Omit<Outcome, 'result'> = { name, clause, level, rule, over: over.via ?? over.way ?? '' }
  const trial = createTrial(place, offer, given, over)
  try {
    await bounded(tried.run(trial), given.slow ? 60_000 : 6 * place.patience)
    return { ...about, result: 'kept' }
  } catch (error) {
    if (error instanceof NotTried) return { ...about, result: 'not tried', why: error.message }
    const { expected, came } =
      error instanceof Breach ? error : { expected: 'an answer that can be read', came: wordsOf(error) }
    return { ...about, result: 'broken', expected, came }
  } finally {
    trial.end()
  }
}

/** No case hangs, whatever the server does. */
async function bounded(running: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Breach(`an end of the case within ${ms / 1000} s`, 'none')), ms)
  })
  try {
    await Promise.race([running, late])
  } finally {
    clearTimeout(timer)
  }
}

export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message || `${(error as NodeJS.ErrnoException).code}` : `${error}`
}

/** Nobody answers at the address, or it answers to nobody. */
export class Unreachable extends Error {}

/** Asks by each transport once. One that is refused as such is not offered; one that answers otherwise is, and its cases say how. */
async function findOffer(place: Place): Promise<Offer> {
  const found = await Promise.all(vias.map(async via => [via, await probe(place, via)] as const))
  const channels = found.filter(([, answer]) => answer !== 'refused').map(([via]) => via)
  if (channels.length === 0)
    throw new Unreachable(
      `no transport is offered at ${place.url.href}: each of ${vias.join(', ')} is refused as one that there is not`,
    )
  if (found.every(([, answer]) => answer !== 'hello'))
    throw new Unreachable(
      `no rt.open comes from ${place.url.href} over any of ${channels.join(', ')}: what is there speaks something else`,
    )
  const ways: Way[] = []
  const hasHttp = channels.some(via => via !== 'websocket' && via !== 'jsonp')
  if (hasHttp && (await takesPosts(place))) ways.push('post')
  if (channels.includes('websocket')) ways.push('websocket')
  if (channels.includes('jsonp')) ways.push('jsonp')
  return { channels, ways }
}

async function probe(place: Place, via: Via): Promise<'hello' | 'other' | 'refused'> {
  const channel = openChannel(place, via, {})
  try {
    const { status } = await channel.head.catch(error => {
      throw new Unreachable(`nobody answers at ${place.url.href}: ${wordsOf(error)}`)
    })
    if ([401, 403, 429, 503].includes(status)) throw closed(place, status, via)
    if (status !== 200 && status !== 101) return 'refused'
    const first = await channel.next('a first block', () => true).catch(() => undefined)
    if (first?.event !== 'rt.fail') return first?.event === 'rt.open' ? 'hello' : 'other'
    const told = refusalIn(first)
    if ([401, 403, 429, 503].includes(told)) throw closed(place, told, via)
    return 'refused'
  } finally {
    channel.close()
  }
}

function closed({ url, token }: Place, status: number, via: Via): Unreachable {
  const remedy =
    status === 401 || status === 403
      ? token === undefined
        ? 'give the credential that it wants by --token'
        : 'the credential of --token does not let in'
      : 'try again when it has room'
  return new Unreachable(`${url.href} answers ${status} to ${via}: ${remedy}`)
}

function refusalIn({ data = '' }: Block): number {
  try {
    return Number(JSON.parse(data).status)
  } catch {
    return 0
  }
}

/** An unknown session is 404; a server that takes none says 405, or something else from the same family. */
async function takesPosts(place: Place): Promise<boolean> {
  const headers = { 'content-type': 'text/event-stream' }
  const asked = { method: 'POST', headers, body: 'id: 1\ndata: x\n\n' }
  const { status } = await ask(place, { 'rt.via': 'post', 'rt.sid': 'unknown-to-all' }, asked).catch(
    error => {
      throw new Unreachable(`a POST to ${place.url.href} is not answered: ${brief(wordsOf(error))}`)
    },
  )
  return status !== 405 && status !== 501
}
