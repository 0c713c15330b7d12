import type { Failure } from '../contracts/failure.ts'
import { isFinalStatus } from '../contracts/final-failures.ts'
import type { Transport } from '../contracts/transport.ts'
import { type Candidate, hasHeard, isBusy, isComing } from './candidate.ts'
import type { Contest, Delivering, Race, Racing, Terms } from './state.ts'

/** Delay before the first upgrade attempt, in ms. It doubles after each attempt that fails. */
export const firstUpgrade = 5_000
export const longestUpgradePause = 600_000

/** Delay between upgrade attempts while a transport is active, in ms. */
export const upgradeStagger = 1_000

/** Something has left the race or its place in it: what may begin now does. */
export function goOn(race: Contest, terms: Terms): Race {
  return race.name === 'racing' ? startNext(race, terms) : tryUpgrade(race, terms)
}

/** Begins the next candidate, unless one receives already. */
export function startNext(race: Racing, terms: Terms): Race {
  if (race.candidates.some(isBusy)) return race
  const [first, ...queue] = race.queue
  if (first) return begin({ ...race, queue }, first, terms)
  if (race.candidates.length > 0) return race
  const spent = race.failures.every(isAnswer) ? resting(race) : undefined
  return spent
    ? begin({ ...race, rest: 'over' }, spent, terms)
    : { name: 'concluding', failures: race.failures }
}

/** Whether somebody answered, or nobody was asked: in an outage a transport goes on resting. */
function isAnswer({ kind }: Failure): boolean {
  return kind === 'status' || kind === 'content' || kind === 'unsupported'
}

function resting({ rest }: Contest): Transport | undefined {
  return typeof rest === 'object' ? rest : undefined
}

function begin<R extends Contest>(race: R, transport: Transport, { now, isCold, proof }: Terms): R {
  const candidate: Candidate = {
    id: race.begun,
    transport,
    proof: proof(transport),
    started: now(),
    cold: isCold(),
    phase: 'connecting',
  }
  return { ...race, begun: race.begun + 1, candidates: [...race.candidates, candidate] }
}

/**
 * The first that a candidate says. While better ones are on their way they are given a moment, as RFC 8305, 3, gives one to the
 * better address: as long as this one took itself, at most the stagger. A page that would rather pay than wait waits only for one that was accepted.
 */
export function arrive(race: Contest, candidate: Candidate, terms: Terms): Race {
  if (race.active !== undefined) return receive(race, candidate, terms)
  const { overlap } = terms
  const now = terms.now()
  const stagger = terms.stagger()
  // Where candidates cannot overlap, it would be too late afterwards to try one that rests, for an outage perhaps.
  const woken = overlap ? undefined : resting(race)
  const moment = woken ? stagger : Math.min(now - candidate.started, stagger)
  const open: Contest = overlap ? race : { ...race, rest: 'over' }
  const isAwaited = (other: Candidate) => !terms.eager || other.phase === 'accepted'
  if (moment <= 0 || !(woken || hasBetter(race, candidate, terms, isAwaited)))
    return receive(open, candidate, terms)
  const holding = put(open, candidate, { ...candidate, phase: 'holding', arrived: now, moment })
  return woken ? begin(holding, woken, terms) : holding
}

/** The first block came: messages are delivered from here on, and the others hold still while the proof is due. */
export function receive(race: Contest, candidate: Candidate, terms: Terms): Race {
  if (candidate.proof.need === 'opened') return verify(race, candidate, terms)
  const heard = candidate.phase === 'holding' ? candidate.arrived : terms.now()
  const receiving: Candidate = { ...candidate, phase: 'receiving', heard }
  if (race.name === 'delivering') return put(race, candidate, receiving)
  const isKept = (other: Candidate) => other === candidate || mayStay(other, terms)
  const requeued = race.candidates.filter(other => !isKept(other)).map(({ transport }) => transport)
  const candidates = race.candidates.filter(isKept)
  const active = candidates.some(({ id }) => id === race.active) ? race.active : candidate.id
  return put({ ...race, candidates, queue: [...requeued, ...race.queue], active }, candidate, receiving)
}

/** The proof came: the others are closed, but better ones that were accepted, which may be a moment behind and then take over. */
export function verify(race: Contest, candidate: Candidate, terms: Terms): Race {
  const since = terms.now()
  const heard = hasHeard(candidate) ? candidate.heard : since
  const mayFollow = (other: Candidate) =>
    isBetter(other, candidate, terms) && isComing(other) && mayStay(other, terms)
  const candidates = race.candidates.filter(other => other === candidate || mayFollow(other))
  const verified = put({ ...race, candidates }, candidate, { ...candidate, phase: 'verified', heard, since })
  // An outage says nothing against the transport that worked before it: an upgrade to that one is tried at once.
  // So is one to what an eager page has not waited for.
  const isSoon = terms.isStray(candidate.transport) || (terms.eager && race.name === 'racing')
  const after = isSoon ? 0 : race.pause
  return schedule({ ...verified, name: 'delivering', active: candidate.id }, terms, after)
}

export function fail(
  race: Contest,
  candidate: Candidate,
  { failure, opened }: { failure: Failure; opened: boolean },
  terms: Terms,
): Race {
  const failures = [...race.failures, failure]
  if (race.name === 'delivering' && candidate.id === race.active)
    return { name: 'concluding', failures, most: failure }
  if (race.name === 'delivering') return tryUpgrade(put(race, candidate), terms)
  let left: Race = { ...put(race, candidate), failures }
  if (race.active === candidate.id) left = { ...left, active: left.candidates.find(hasHeard)?.id }
  for (const other of left.candidates)
    if (other.phase === 'holding' && !hasBetter(left as Contest, other, terms))
      left = receive(left as Contest, other, terms)
  if (isForAll(failure, left as Contest, terms)) return { name: 'ended', failure, vain: true }
  if (left.name !== 'racing') return left
  // One that may not be tried just now is not awaited.
  if (opened && race.awaited === candidate.transport && left.candidates.length === 0)
    return { ...left, name: 'doubting', failure }
  return startNext(left, terms)
}

/** Whether no other transport would be told otherwise. One that is let in at the same time has been told so by another server. */
function isForAll(
  { status, scope }: Failure,
  { active, failures }: Contest,
  { isSocketOpen }: Terms,
): boolean {
  return scope
    ? scope === 'line' && (active === undefined || isFinalStatus(status))
    : isFinalStatus(status) && !isSocketOpen(failures)
}

/** The active candidate carries the line until another one does. */
export function giveUp(race: Delivering, queue: readonly Transport[], terms: Terms): Race {
  const active = activeOf(race)
  return startNext({ ...put(race, active, stalled(active)), name: 'racing', queue }, terms)
}

/** Later, the more preferred transports are tried beside the active one, the best first. The first that proves itself takes over. */
export function schedule(
  race: Delivering,
  { overlap, transports, isCooling, isLeft }: Terms,
  after = race.pause,
): Delivering {
  const better = transports.slice(0, transports.indexOf(activeOf(race).transport))
  if (!overlap || better.length === 0) return { ...race, upgrade: undefined }
  const queue = better.filter(other => !isCooling(other) && !isLeft(other))
  return { ...race, pause: Math.min(race.pause * 2, longestUpgradePause), upgrade: { queue, after } }
}

/** As on the way down, one that stays silent is joined by the next: a swallowed handshake must not keep a stream waiting. */
export function tryUpgrade(race: Delivering, terms: Terms): Delivering {
  const challengers = race.candidates.filter(({ id }) => id !== race.active)
  const tried = challengers.map(({ transport }) => transport)
  const [first, ...queue] = (race.upgrade?.queue ?? []).filter(transport => !tried.includes(transport))
  if (challengers.some(({ phase }) => phase === 'receiving'))
    return { ...race, upgrade: race.upgrade && { queue: race.upgrade.queue } }
  if (first) return begin({ ...race, upgrade: { queue, after: upgradeStagger } }, first, terms)
  return challengers.length > 0 ? { ...race, upgrade: undefined } : schedule(race, terms)
}

/** May run beside a candidate that receives only if ids are comparable, and if it resumes from the cursor. */
function mayStay(candidate: Candidate, { overlap }: Terms): boolean {
  return overlap && (!candidate.cold || hasHeard(candidate))
}

function hasBetter(
  { candidates }: Contest,
  candidate: Candidate,
  terms: Terms,
  isAwaited = (_other: Candidate) => true,
): boolean {
  return candidates.some(other => !hasHeard(other) && isBetter(other, candidate, terms) && isAwaited(other))
}

function isBetter(one: Candidate, other: Candidate, { transports, isCooling }: Terms): boolean {
  const place = ({ transport }: Candidate) => transports.indexOf(transport)
  return place(one) < place(other) && !isCooling(one.transport)
}

export function stalled(candidate: Candidate): Candidate {
  return { ...(candidate as Candidate & { heard: number }), phase: 'stalled' }
}

function activeOf({ candidates, active }: Delivering): Candidate {
  return candidates.find(({ id }) => id === active) as Candidate
}

/** Puts a candidate as it is now into the place of what it was; nothing leaves the place empty. */
export function put<R extends Contest>(race: R, candidate: Candidate, now?: Candidate): R {
  const candidates = race.candidates.flatMap(other => (other !== candidate ? other : (now ?? [])))
  return { ...race, candidates }
}
