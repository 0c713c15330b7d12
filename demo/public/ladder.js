import { make } from './dom.js'
import { transports } from './words.js'

/**
 * The transports, each with a switch: what the server lets through.
 *
 * @param change is told which of them are to be refused, once somebody flips a switch
 */
export function createLadder(list, change) {
  let refused = []
  list.append(...Object.keys(transports).map(toRung))

  return { show, carriedBy }

  function show(refuse) {
    refused = refuse
    for (const rung of list.children) {
      const passes = !refuse.includes(rung.dataset.transport)
      rung.classList.toggle('refused', !passes)
      rung.querySelector('[role=switch]').setAttribute('aria-checked', passes)
    }
  }

  /** Marks the transport that the line has now; none, if it has none. */
  function carriedBy(transport) {
    for (const rung of list.children) rung.classList.toggle('used', rung.dataset.transport === transport)
  }

  function toRung(transport) {
    const flip = () => change(toggled(refused, transport))
    const aria = { role: 'switch', checked: 'true', label: `Let ${transports[transport]} through` }
    return make(
      'li',
      { data: { transport } },
      make('span', { className: 'dot' }),
      make('span', { className: 'name' }, transports[transport]),
      make('span', { className: 'badge' }),
      make('button', { type: 'button', className: 'switch', onclick: flip, aria }),
    )
  }
}

function toggled(list, item) {
  return list.includes(item) ? list.filter(each => each !== item) : [...list, item]
}
