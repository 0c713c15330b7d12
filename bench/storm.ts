/**
 * A million clients lose their lines at once: `npm run storm`.
 *
 * Method. A simulation in steps of 10 ms, the same for the same seed. Nothing answers during the outage; then the server
 * admits so many per second, drawn by lot from those who knock, and refuses the rest. Up to 100 ms of capacity can be saved
 * up, as in an accept queue. Each client has a round trip of its own, 20 to 200 ms, which slowly parts those who began in
 * step. A refusal costs nothing in the first scenario, which flatters whoever knocks the most; in the second it costs a
 * tenth of an admission, since a handshake has to be made before it can be refused.
 *
 * Each row is one strategy, followed by all: a function of the tries so far. Ours is imported from src/. An attempt is one
 * try of a line; the request by which ours learns what a refused WebSocket hides is not counted, nor a second transport.
 *
 * Shown: when the last client was back, from the cut and from the end of the outage; when half and 99 % were; attempts per
 * client; the busiest second once the server was up. "never" is not within ten minutes. It exits with 1 when ours breaks a
 * bound; they stand, with their reasons, at the top of storm/scenarios.ts.
 *
 * Flags: `--seed 1 --clients 1000000 --admission 20000` (per second) `--outage 30 --retry-after 10` (s) `--refusal 0.1`.
 */
import { parseArgs } from 'node:util'
import { figures } from './storm/figures.ts'
import { broken, type Run, type Scenario, type Setting, scenarios } from './storm/scenarios.ts'
import { simulate } from './storm/simulate.ts'
import { table } from './storm/table.ts'

const setting = readFlags()
const { clients, admission, seed } = setting
console.log(
  `${clients.toLocaleString('en')} clients, ${admission.toLocaleString('en')} admitted/s, seed ${seed}`,
)
const complaints = scenarios(setting).flatMap(show)
console.log(complaints.length > 0 ? `\nBounds broken:\n${complaints.join('\n')}` : `\n${verdict()}`)
process.exitCode = complaints.length > 0 ? 1 : 0

function readFlags(): Setting {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      clients: { type: 'string', default: '1000000' },
      admission: { type: 'string', default: '20000' },
      outage: { type: 'string', default: '30' },
      'retry-after': { type: 'string', default: '10' },
      refusal: { type: 'string', default: '0.1' },
    },
  })
  const number = (name: keyof typeof values, fits: (value: number) => boolean) => {
    const value = Number(values[name])
    if (!fits(value))
      throw new RangeError(`--${name} ${values[name]} makes no storm; see the top of bench/storm.ts`)
    return value
  }
  return {
    seed: number('seed', Number.isInteger),
    clients: number('clients', value => Number.isInteger(value) && value > 0),
    admission: number('admission', value => value > 0),
    outage: number('outage', value => value >= 0) * 1_000,
    retryAfter: number('retry-after', value => value >= 0) * 1_000,
    refusal: number('refusal', value => value >= 0 && value < 1),
  }
}

/** Prints a scenario, and gives back what broke a bound in it. */
function show({ title, runs }: Scenario): string[] {
  const rows = runs.map(play)
  console.log(`\n${title}\n${table(rows)}`)
  return rows.flatMap(({ run, figures }) =>
    broken(run, figures).map(words => `${title}, ${run.name}: ${words}`),
  )
}

function play(run: Run) {
  const course = simulate(run.storm, run.strategy)
  return { run, name: run.name, course, figures: figures(course) }
}

function verdict(): string {
  const judged = scenarios(setting).some(({ runs }) => runs.some(({ bounds }) => bounds))
  return judged
    ? 'Ours keeps its bounds.'
    : 'Worse than the storm that the bounds are for: nothing is judged.'
}
