import { cpus } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'

/** A moment is so long, in ms; it is quiet when the processors idle for that share of it. */
const moment = 100
const share = 0.5

/** Waits for a quiet moment, at most so many. Tells whether there was one. */
export async function quietMoment(most = 20): Promise<boolean> {
  for (let moments = 0; moments < most; moments++) {
    const before = spent()
    await sleep(moment)
    const after = spent()
    if (after.idle - before.idle >= share * (after.all - before.all)) return true
  }
  return false
}

/** What all processors have spent their time on so far, in ms. */
function spent(): { idle: number; all: number } {
  const times = cpus().map(cpu => cpu.times)
  const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0)
  return { idle: sum(times.map(({ idle }) => idle)), all: sum(times.flatMap(each => Object.values(each))) }
}
