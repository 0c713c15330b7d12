import { by, randomName, write } from './dom.js'
import { createFigures } from './figures.js'
import { createPicture } from './picture.js'
import { change, leave, open, where } from './place.js'
import { createPulse } from './pulse.js'
import { bestOf } from './scenes.js'
import { createShow } from './show.js'
import { gaps, transports } from './words.js'

/** After a longer absence, in ms, the page begins anew: the server may not keep what would be missing. */
const longest = 60_000

const kept = recall()
/** The page's own name for its network. */
const network = kept?.network ?? randomName(3)
const figures = createFigures(kept?.figures)
const picture = createPicture(transport => show.toggle(transport))
const pulse = createPulse(by('pulse'))
const show = createShow(kept?.show, { change: changeTo, takenOver: tell })
/** Whether somebody has the network in their own hands, and wants to be told what follows. */
let isWatched = false
let between = show.network()
/** Tells the line that its network is another one, until that is done. */
let telling

picture.between(between)
write(by('where'), where)
const line = open(network, kept?.place)

line.onopen = ({ transport }) => {
  figures.opened()
  enter(transport)
  if (isWatched) tell(`The line goes by ${transports[transport]}.`)
  ran('open')
}
line.onmessage = ({ data }) => {
  figures.heard(data.n)
  pulse.count()
  picture.travel(line.transport)
  ran('message')
}
line.onerror = ({ error, retryIn }) => {
  if (line.readyState === 1) return
  figures.broken()
  enter(null, retryIn === undefined ? error.message : 'No way through, trying again')
  ran('error')
}
line.addEventListener('gap', ({ reason }) => {
  if (reason === 'epoch') figures.beganAnew()
  tell(gaps[reason] ?? gaps.trimmed)
  ran('gap')
})

addEventListener('pagehide', () => {
  const keep = { network, at: Date.now(), figures: figures.keep(), show: show.keep(), place: leave() }
  sessionStorage.setItem('line', JSON.stringify(keep))
})

async function changeTo(next) {
  between = next
  picture.between(next)
  await change(network, next).catch(() => {})
  announce()
}

/**
 * A browser tells a line that it is in another network. Of one that is only pretended it knows nothing, so the page tells: until the line has the best way,
 * a few times at most.
 */
function announce(times = 10) {
  clearTimeout(telling)
  if (between.gone || times === 0 || line.transport === bestOf(between)) return
  dispatchEvent(new Event('online'))
  telling = setTimeout(announce, 500, times - 1)
}

/** Shows the way that the line has now, or why it has none. */
function enter(transport, words) {
  by('stage').dataset.state = transport ? 'open' : 'waiting'
  picture.carriedBy(transport)
  pulse.carriedBy(transport ?? 'bad')
  by('figures').dataset.transport = transport ?? ''
  write(by('transport'), transport ? transports[transport] : 'Dark')
  write(by('state'), transport ? 'The line is open.' : words)
}

function tell(words) {
  isWatched = true
  write(by('news'), words)
}

/** Marks the line of code that was run just now. */
function ran(name) {
  const row = document.querySelector(`[data-ran="${name}"]`)
  for (const each of document.querySelectorAll('.just')) if (each !== row) each.classList.remove('just')
  row.classList.add('just')
}

/** What this tab kept when it was loaded anew. A tab that is duplicated meanwhile finds nothing. */
function recall() {
  try {
    const kept = JSON.parse(sessionStorage.getItem('line') ?? 'null')
    sessionStorage.removeItem('line')
    return kept && Date.now() - kept.at < longest ? kept : undefined
  } catch {
    // Storage is off, as in some frames: nothing was kept.
    return undefined
  }
}
