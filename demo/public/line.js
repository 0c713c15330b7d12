import { explain } from '/throughline/report.js'
import { by, calmly, clock, make, write } from './dom.js'
import { createPulse } from './pulse.js'
import { journal, transports, waitFor } from './words.js'

/** How many rows the table of attempts shows. */
const rows = 40

/** Shows what a line says of itself: its transport, its state, its attempts, and whether it kept its promise. */
export function createLineView(tally) {
  /** By transport and time, of every line that this page had. */
  const tries = new Map()
  const opens = []
  const pulse = createPulse(by('pulse'))
  let state = { name: 'connecting' }
  // So that it can be scrolled by keyboard in every browser.
  by('scroll').tabIndex = 0
  // A line looks around at once when the browser says that the network has changed; this only says so earlier.
  by('hurry').onclick = () => dispatchEvent(new Event('online'))
  const countSoon = calmly(lastEventId => showCounts(lastEventId()))
  setInterval(() => write(by('state'), inWords(state)), 100)

  return { begun, opened, failed, closed, heard }

  function begun() {
    enter({ name: 'connecting' })
    showCounts('')
  }

  function opened({ target, transport, resumed }) {
    const before = opens.at(-1)
    const moved = state.name === 'open'
    lookBack(target)
    if (moved) before.next = transport
    opens.push({ at: performance.now(), transport, resumed, moved: moved && before.transport })
    tell(
      moved ? `Moved to ${transports[transport]} without a break` : `Line open over ${transports[transport]}`,
    )
    enter({ name: 'open', transport, since: moved ? state.since : performance.now() })
  }

  function failed({ target, error, retryIn }) {
    lookBack(target)
    if (state.name === 'open') {
      opens.at(-1).broke = { at: performance.now(), why: error.message }
      tell('Line interrupted, reconnecting')
    }
    if (retryIn !== undefined) enter({ name: 'waiting', until: performance.now() + retryIn })
  }

  function closed({ target, reason }) {
    lookBack(target)
    if (state.name === 'open') opens.at(-1).broke = { at: performance.now(), why: reason }
    enter({ name: 'closed', reason })
  }

  function lookBack(line) {
    for (const each of explain(line.report())) tries.set(`${each.transport} ${each.started}`, each)
  }

  function enter(next) {
    state = next
    pulse.carriedBy(state.transport ?? (state.name === 'connecting' ? 'edge' : 'bad'))
    showState()
    showAttempts()
  }

  function heard(lastEventId) {
    pulse.count()
    countSoon(lastEventId)
  }

  function showState() {
    for (const element of [by('line'), by('pill')]) {
      element.dataset.state = state.name
      element.dataset.transport = state.transport ?? ''
    }
    const word = transports[state.transport]
    write(by('transport'), word ?? (state.name === 'connecting' ? 'No line yet' : 'No line'))
    write(by('pill'), word ?? (state.name === 'waiting' ? 'Reconnecting' : 'No line'))
    write(by('state'), inWords(state))
    const better = state.name === 'open' && state.transport !== Object.keys(transports)[0]
    by('hurry').hidden = state.name !== 'waiting' && !better
    write(by('hurry'), better ? 'Look for a better one' : 'Try now')
  }

  function showAttempts() {
    const list = journal([...tries.values()], opens).slice(0, rows)
    by('attempts').replaceChildren(...list.map(toRow))
    for (const rung of by('ladder').children) {
      rung.classList.toggle('used', rung.dataset.transport === state.transport)
    }
  }

  function showCounts(lastEventId) {
    for (const name in tally.counts) write(by(name), number(tally.counts[name]))
    const { text, tone } = verdict(tally.counts)
    by('verdict').dataset.tone = tone
    write(by('verdict'), text)
    write(by('last-id'), lastEventId || '–')
  }
}

function inWords(state) {
  const now = performance.now()
  switch (state.name) {
    case 'open':
      return `Open for ${waitFor(now - state.since)}`
    case 'waiting':
      return state.until > now
        ? `Reconnecting in ${Math.ceil((state.until - now) / 10) * 10} ms`
        : 'Connecting'
    case 'closed':
      return `Closed: ${state.reason}`
    default:
      return 'Connecting'
  }
}

function verdict({ received, missing, duplicates, unordered }) {
  if (missing + duplicates + unordered > 0) return { text: 'The line did not keep its promise.', tone: 'bad' }
  if (received === 0) return { text: 'No messages yet.', tone: 'quiet' }
  const all = received === 1 ? 'The one message' : `All ${number(received)} messages`
  return { text: `${all} arrived in order, each once.`, tone: 'good' }
}

function toRow({ at, transport, text, why, tone }) {
  return make(
    'tr',
    { data: { transport, tone } },
    make('td', {}, make('time', {}, clock(performance.timeOrigin + at))),
    make('th', { scope: 'row' }, make('span', { className: 'dot' }), transports[transport]),
    make('td', {}, text, why ? make('small', {}, why) : ''),
  )
}

function number(count) {
  return count.toLocaleString('en')
}

/** For those who do not see it change. */
function tell(text) {
  write(by('news'), text)
}
