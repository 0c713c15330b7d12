import { by, make, write } from './dom.js'
import { scenes, toggled } from './scenes.js'

/**
 * Plays the scenes one after the other, until somebody pauses it or takes the network into their own hands.
 *
 * @param kept what `keep()` gave before the page was loaded anew, if it was
 * @param stage `change(network)` puts it between, and `takenOver(words)` is told once somebody has chosen it
 */
export function createShow(kept, { change, takenOver }) {
  let at = kept?.at ?? 0
  /** The network that somebody has made, in place of the scene's. */
  let own = kept?.own
  let isPlaying = kept?.isPlaying ?? true
  let timer
  by('scenes').append(...scenes.map(toButton))
  by('play').onclick = () => (isPlaying ? pause() : play())
  show()
  if (isPlaying) wait()

  return { toggle, network, keep: () => ({ at, own, isPlaying }) }

  function wait() {
    timer = setTimeout(() => enter((at + 1) % scenes.length), scenes[at].lasts)
  }

  function enter(next) {
    at = next
    own = undefined
    change(network())
    show()
    if (isPlaying) wait()
  }

  function play() {
    isPlaying = true
    enter((at + 1) % scenes.length)
  }

  function pause() {
    isPlaying = false
    clearTimeout(timer)
    show()
  }

  function choose(index) {
    pause()
    enter(index)
    takenOver(scenes[index].words)
  }

  /** Lets one way through, or refuses it. */
  function toggle(transport) {
    pause()
    own = toggled(network(), transport)
    change(own)
    show()
    takenOver(words())
  }

  function network() {
    return own ?? scenes[at].network
  }

  function words() {
    return own ? 'A network of your own making.' : scenes[at].words
  }

  function show() {
    document.body.dataset.playing = isPlaying
    write(by('play'), isPlaying ? 'Pause' : 'Play')
    write(by('scene'), words())
    for (const [index, button] of [...by('scenes').children].entries())
      button.setAttribute('aria-pressed', !own && index === at)
  }

  function toButton({ id, does, lasts }, index) {
    const button = make('button', { type: 'button', onclick: () => choose(index), data: { scene: id } }, does)
    button.style.setProperty('--lasts', `${lasts}ms`)
    return button
  }
}
