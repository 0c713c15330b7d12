import { createRandom } from './random.ts'
import type { Strategy } from './strategies.ts'

/** All times in ms, counted from the moment at which every line is cut. */
export interface Storm {
  readonly clients: number
  /** What the server admits per second. */
  readonly admission: number
  /** How long nothing answers. */
  readonly outage: number
  /** When to stop looking. */
  readonly limit: number
  readonly seed: number
  /** What turning one away costs the server, in admissions: 0 is free, and it must be below 1. */
  readonly refusal: number
  /** What each refusal asks for. */
  readonly retryAfter?: number
  /** The server took leave, and asked each client to come back at a time of its own. */
  readonly farewell?: boolean
  /** Each line knows the spread as it was when it opened, one after the other, and has heard no more of it since. */
  readonly stale?: boolean
}

export interface Course {
  readonly storm: Storm
  /** Attempts in each second, whether anybody answered or not. */
  readonly attempts: Uint32Array
  /** Clients admitted in each tick. */
  readonly admitted: Uint32Array
  readonly gaveUp: number
}

/** The grain of time, in ms. */
export const tick = 10

const second = 1_000
/** How long an attempt takes until its client knows, in ms: each client has a time of its own. */
const roundTrip = { least: 20, most: 200 }
/** How much of a quiet time's capacity can be saved up, in ms: 2,000 connections at 20,000/s are a usual accept queue. */
const queue = 100
const nobody = -1

/** Plays a storm in which every client follows the same strategy. */
export function simulate(storm: Storm, strategy: Strategy): Course {
  const { clients, outage } = storm
  const ticks = Math.ceil(storm.limit / tick)
  const random = createRandom(storm.seed)
  const own = Float32Array.from({ length: clients }, random)
  const trip = Float32Array.from({ length: clients }, () => between(roundTrip, random()))
  const tries = new Uint16Array(clients)
  const agenda = createAgenda(clients, ticks)
  const admit = createAdmission(storm)
  const attempts = new Uint32Array(Math.ceil(storm.limit / second))
  const admitted = new Uint32Array(ticks)
  let away = clients
  let gaveUp = 0

  for (let client = 0; client < clients; client++) {
    const { spread, retryAfter } = atTheCut(client, storm)
    wait(client, 0, spread, retryAfter)
  }
  for (let now = 0; now < ticks && away > 0; now++) play(now)
  return { storm, attempts, admitted, gaveUp }

  function play(now: number): void {
    const up = now * tick >= outage
    const knocking = agenda.count(now)
    const places = up ? admit(knocking) : 0
    add(attempts, Math.floor((now * tick) / second), knocking)
    add(admitted, now, places)
    away -= places
    answer(now, knocking, places, up ? storm.retryAfter : undefined)
  }

  /** Draws by lot who gets a place: of those not yet drawn, each has the same chance. */
  function answer(now: number, knocking: number, places: number, retryAfter: number | undefined): void {
    for (let client = agenda.first(now); client !== nobody; knocking--) {
      const next = agenda.after(client)
      if (places > 0 && random() * knocking < places) places--
      else wait(client, now, atTheCut(client, storm).spread, retryAfter)
      client = next
    }
  }

  function wait(client: number, now: number, spread: number, retryAfter: number | undefined): void {
    const failed = at(tries, client)
    const delay = strategy(failed, { spread, retryAfter, own: at(own, client) }, random)
    tries[client] = failed + 1
    if (delay !== undefined) return agenda.put(client, now + Math.ceil((delay + at(trip, client)) / tick))
    gaveUp++
    away--
  }
}

/** What a client knows when it loses its line. */
function atTheCut(client: number, { clients, admission, farewell, stale }: Storm) {
  const inTurn = (client / admission) * second
  const spread = stale ? inTurn : (clients / admission) * second
  return { spread, retryAfter: farewell ? inTurn : undefined }
}

/** Who knocks when: a linked list per tick, so that a tick costs no more than the clients in it. Nobody is in two. */
function createAgenda(clients: number, ticks: number) {
  const firsts = new Int32Array(ticks).fill(nobody)
  const counts = new Uint32Array(ticks)
  const following = new Int32Array(clients)

  return {
    count: (when: number) => at(counts, when),
    first: (when: number) => at(firsts, when),
    after: (client: number) => at(following, client),
    put(client: number, when: number): void {
      // It would knock when nobody looks any more.
      if (when >= ticks) return
      following[client] = at(firsts, when)
      firsts[when] = client
      add(counts, when, 1)
    },
  }
}

/** How many are admitted of those who knock, called once per tick: a token bucket, from which refusals take too. */
function createAdmission({ admission, refusal }: Storm): (knocking: number) => number {
  const share = (admission * tick) / second
  const most = share + (admission * queue) / second
  let left = share

  return knocking => {
    const places = knocking <= left ? knocking : Math.floor((left - knocking * refusal) / (1 - refusal))
    const admitted = Math.max(0, places)
    const work = admitted + (knocking - admitted) * refusal
    left = Math.min(most, Math.max(0, left - work) + share)
    return admitted
  }
}

function between({ least, most }: { least: number; most: number }, chance: number): number {
  return least + chance * (most - least)
}

function at(numbers: Uint16Array | Uint32Array | Int32Array | Float32Array, index: number): number {
  return numbers[index] as number
}

function add(numbers: Uint32Array, index: number, more: number): void {
  numbers[index] = at(numbers, index) + more
}
