/** Stands in for public/place.js where there is no server: it runs in the page, and so does the network between. */
import { connect, json } from '../../src/index.ts'
import { type Count, type Position, startCount } from '../count.ts'
import type { Network } from '../network.ts'
import { createLanes, type Lanes } from './lanes.ts'
import { type Kept, type PageLog, pageLog } from './log.ts'
import { surroundings } from './surroundings.ts'

interface Place {
  position: Position
  log: Kept
  network: Network
}

export const where = 'Here the server runs in the page too, behind a network that is only pretended.'

let log: PageLog
let count: Count
let lanes: Lanes
let network: Network = { gone: false, ways: {} }

export function open(_: string, kept?: Place) {
  log = pageLog(kept?.log)
  count = startCount(log, kept?.position)
  lanes = createLanes(count.hub)
  if (kept) void change('', kept.network)
  return connect('/line', { environment: surroundings(lanes), codec: json, resume: 'session' })
}

export async function change(_: string, next: Network): Promise<void> {
  network = next
  lanes.change(next)
}

export function leave(): Place {
  const { began, last } = count
  return { position: { began, last }, log: log.keep(), network }
}
