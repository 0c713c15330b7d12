import { by, write } from './dom.js'
import { createTally } from './tally.js'

/**
 * Counts what the line brings, and how long it was silent when it last changed its way.
 *
 * @param kept what `keep()` gave before the page was loaded anew, if it was
 */
export function createFigures(kept) {
  const tally = createTally(kept?.tally)
  /** When the latest message came, in ms of the epoch. */
  let heardAt = kept?.heardAt
  /** Whether the next message ends a silence that is to be measured. A reload is one too. */
  let isSwitching = heardAt !== undefined
  /** Whether the line is down just now. */
  let isDark = false
  setInterval(() => isDark && showSilence(), 100)
  show()

  return { opened, broken, heard, beganAnew, keep: () => ({ tally: tally.keep(), heardAt }) }

  function opened() {
    isDark = false
    isSwitching = heardAt !== undefined
  }

  function broken() {
    isDark = isSwitching = heardAt !== undefined
  }

  function heard(n) {
    tally.take('count', n)
    if (isSwitching) showSilence()
    isSwitching = false
    heardAt = Date.now()
    show()
  }

  /** The server counts from one again: what was heard before says nothing of what comes now. */
  function beganAnew() {
    tally.begin()
  }

  function show() {
    const { received, missing, duplicates } = tally.counts
    write(by('heard'), received.toLocaleString('en'))
    write(by('lost'), missing)
    write(by('doubled'), duplicates)
    by('figures').dataset.tone = missing + duplicates > 0 ? 'bad' : 'good'
  }

  function showSilence() {
    write(by('silence'), `${((Date.now() - heardAt) / 1_000).toFixed(1)} s`)
  }
}
