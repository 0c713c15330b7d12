import type { Candidate } from './candidate.ts'
import {
  arrive,
  fail,
  firstUpgrade,
  giveUp,
  goOn,
  put,
  receive,
  schedule,
  stalled,
  startNext,
  tryUpgrade,
  verify,
} from './moves.ts'
import type { CandidateSignal, Contest, Race, Signal, Terms } from './state.ts'

/** What follows from a signal. The same race, when it changes nothing. */
export function next(race: Race, signal: Signal, terms: Terms): Race {
  if (race.name === 'ended') return race
  if (signal.type === 'close') return { name: 'ended' }
  switch (race.name) {
    case 'concluding':
      if (signal.type !== 'concluded') return race
      return { name: 'ended', failure: signal.failure, vain: race.most === undefined }
    case 'doubting':
      if (signal.type !== 'probed') return race
      if (!signal.answered) return { name: 'ended', failure: race.failure, vain: true }
      return startNext({ ...race, name: 'racing' }, terms)
  }
  if ('id' in signal) {
    const candidate = race.candidates.find(({ id }) => id === signal.id)
    return candidate ? changed(race, candidate, signal, terms) : race
  }
  switch (signal.type) {
    case 'due': {
      if (race.name !== 'racing') return race
      const begun = startNext(race, terms)
      // An eager page begins with two.
      return terms.eager && race.begun === 0 ? next(begun, signal, terms) : begun
    }
    case 'upgrade':
      return race.name === 'delivering' ? tryUpgrade(race, terms) : race
    case 'held-back':
      return race.name === 'delivering' ? giveUp(race, signal.queue, terms) : race
    case 'online': {
      const soon = { ...race, pause: firstUpgrade }
      return soon.name === 'delivering' && soon.candidates.length === 1 ? schedule(soon, terms, 0) : soon
    }
  }
  return race
}

/** What follows from what happened to one candidate. */
function changed(race: Contest, candidate: Candidate, signal: CandidateSignal, terms: Terms): Race {
  switch (signal.type) {
    case 'accepted':
      return candidate.phase === 'connecting'
        ? put(race, candidate, { ...candidate, phase: 'accepted' })
        : race
    case 'arrived':
      return candidate.phase === 'holding' ? race : arrive(race, candidate, terms)
    case 'released':
      return receive(race, candidate, terms)
    case 'verified':
      return verify(race, candidate, terms)
    case 'overdue':
      return goOn(put(race, candidate, race.name === 'racing' ? stalled(candidate) : undefined), terms)
    case 'failed':
      return fail(race, candidate, signal, terms)
    case 'spent':
      return goOn({ ...put(race, candidate), rest: candidate.transport }, terms)
  }
}
