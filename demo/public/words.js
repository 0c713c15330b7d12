/** What a person reads for what the line says. */

export const transports = {
  websocket: 'WebSocket',
  eventsource: 'EventSource',
  'xhr-streaming': 'XHR streaming',
  'long-polling': 'Long polling',
  jsonp: 'JSONP',
}

/** A time that goes on, in ms. */
export function waitFor(ms) {
  const seconds = Math.floor(ms / 1_000)
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}

/** A time that has passed, in ms. */
function span(ms) {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`
  return ms < 60_000 ? `${(ms / 1_000).toFixed(1)} s` : waitFor(ms)
}

/**
 * What became of the tries of all transports, newest first. Those that are still under way are left out.
 *
 * @param tries what `explain(line.report())` said of them last
 * @param opens `{ at, transport, resumed, moved, next, broke }` of each open event, `at` on the page's clock: `moved` is the transport
 * before it if the line stayed open, `next` the one after it, and `broke` says `{ at, why }` if the line ended there
 */
export function journal(tries, opens) {
  const carried = new Map(opens.map(open => [tryBehind(open, tries) ?? open, open]))
  const over = tries.filter(each => each.state !== 'trying' || carried.has(each))
  const rows = over.map(each => ({ at: each.started, ...describeTry(each, carried.get(each)) }))
  const others = opens.filter(open => carried.get(open) === open)
  return [...rows, ...others.map(describeOpen)].sort((a, b) => b.at - a.at)
}

/** The latest try of this transport that was going on when the line opened. */
function tryBehind({ at, transport }, tries) {
  return tries.findLast(
    each => each.transport === transport && each.started <= at && (isUnderWay(each) || at < endOf(each)),
  )
}

function isUnderWay({ state }) {
  return state === 'trying' || state === 'in use'
}

function endOf({ started, lasted }) {
  return started + lasted
}

function describeTry({ transport, lasted, failure, verdict }, open) {
  if (open) return { ...describeOpen(open), why: failure ? verdict : open.broke?.why }
  if (failure) return { transport, text: ends[failure.kind], why: verdict, tone: 'bad' }
  return { transport, text: `Called off after ${span(lasted)}, another was first`, tone: 'quiet' }
}

function describeOpen({ at, transport, resumed, moved, next, broke }) {
  if (next)
    return { at, transport, text: `Carried the line, then made way for ${transports[next]}`, tone: 'quiet' }
  if (broke)
    return {
      at,
      transport,
      text: `Carried the line for ${span(broke.at - at)}`,
      why: broke.why,
      tone: 'quiet',
    }
  if (moved)
    return { at, transport, text: `Took over from ${transports[moved]} without a break`, tone: 'good' }
  return { at, transport, text: resumed ? 'Open, continued where it had stopped' : 'Open', tone: 'good' }
}

/** What was lost, by a gap's reason. */
export const gaps = {
  epoch: 'The server has begun anew; what it had not yet delivered is lost.',
  trimmed: 'Some messages are lost: the line was away for longer than the server keeps them.',
}

/** By the failure's kind. */
const ends = {
  ended: 'Ended by the server',
  refused: 'Not let through',
  status: 'Refused by the server',
  content: 'Answered with something else',
  cut: 'Cut',
  silent: 'Silent, given up',
  overflow: 'Brought too much at once, given up',
  unsupported: 'Not usable here, given up',
}
