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
 * The tries of all transports as far as they are known, newest first. Tries are told by error events; what opened since then
 * is known from the open events alone.
 *
 * @param attempts from `error.attempts`, times on the page's clock
 * @param opens `{ at, transport, resumed, moved, next, broke }` of each open event: `moved` is the transport before it if the
 * line stayed open, `next` the one after it, and `broke` says `{ at, why }` if the line ended there
 */
export function journal(attempts, opens) {
  const carried = new Map(opens.map(open => [attemptBehind(open, attempts) ?? open, open]))
  const tries = attempts.map(attempt => ({
    at: attempt.started,
    ...describeTry(attempt, carried.get(attempt)),
  }))
  const others = opens.filter(open => carried.get(open) === open)
  return [...tries, ...others.map(describeOpen)].sort((a, b) => b.at - a.at)
}

/** The latest try of this transport that was going on when the line opened. */
function attemptBehind({ at, transport }, attempts) {
  return attempts.findLast(
    ({ started, ended = Infinity, ...attempt }) =>
      attempt.transport === transport && started <= at && at < ended,
  )
}

function describeTry({ transport, started, heard, ended = performance.now(), failure }, open) {
  const why = failure?.message
  if (open) return { ...describeOpen(open), why: why ?? open.broke?.why }
  const lasted = span(ended - (heard ?? started))
  if (failure) return { transport, text: `${ends[failure.kind]} after ${lasted}`, why, tone: 'bad' }
  return { transport, text: `Called off after ${lasted}, another was first`, tone: 'quiet' }
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
