import { ask, by, make } from './dom.js'
import { servers } from './servers.js'
import { transports } from './words.js'

const rates = [0, 1, 10, 100]

/** The switches of the network lab. What they do is done by the server, for everybody who is here. */
/** @param moveTo opens the line to another server */
export function createLab(moveTo) {
  let refused = []
  by('ladder').append(...Object.keys(transports).map(toRung))
  by('rates').append(...rates.map(toChoice))
  by('servers').append(...Object.keys(servers).map(toServer))
  by('cut').onclick = () => change({ cut: true })
  by('restart').onclick = () => change({ restart: true })

  return { show, refresh: () => ask('/lab').then(show, unreachable) }

  /** Beside the line, so that it works while the line is down. */
  function change(wish) {
    return ask('/lab', wish).then(show, unreachable)
  }

  function show({ refuse, rate, servers: installed }) {
    refused = refuse
    for (const label of by('servers').children) label.hidden = !installed.includes(label.control.value)
    for (const rung of by('ladder').children) {
      const passes = !refuse.includes(rung.dataset.transport)
      rung.classList.toggle('refused', !passes)
      rung.querySelector('[role=switch]').setAttribute('aria-checked', passes)
    }
    for (const { control } of by('rates').children) control.checked = control.value === `${rate}`
  }

  function toRung(transport) {
    const flip = () => change({ refuse: toggled(refused, transport) })
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

  /** Of this page alone, where all else in the lab is for everybody. */
  function toServer(name, index) {
    const input = make('input', {
      type: 'radio',
      name: 'server',
      value: name,
      checked: index === 0,
      onchange: () => moveTo(name),
    })
    return make('label', {}, input, make('span', {}, servers[name]))
  }

  function toChoice(rate) {
    const choose = () => change({ rate })
    const input = make('input', {
      type: 'radio',
      name: 'rate',
      value: rate,
      checked: rate === 0,
      onchange: choose,
    })
    return make('label', {}, input, make('span', {}, rate === 0 ? 'Off' : `${rate}`))
  }
}

function toggled(list, item) {
  return list.includes(item) ? list.filter(each => each !== item) : [...list, item]
}

/** The server itself is away; the line says so, and its next error or opening asks again. */
function unreachable() {}
