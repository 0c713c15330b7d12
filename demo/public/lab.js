import { ask, by, make } from './dom.js'
import { createLadder } from './ladder.js'
import { servers } from './servers.js'

const rates = [0, 1, 10, 100]

/** The switches of the network lab. What they do is done by the server, for everybody who is here. */
/** @param moveTo opens the line to another server */
export function createLab(moveTo) {
  const ladder = createLadder(by('ladder'), refuse => change({ refuse }))
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
    ladder.show(refuse)
    for (const label of by('servers').children) label.hidden = !installed.includes(label.control.value)
    for (const { control } of by('rates').children) control.checked = control.value === `${rate}`
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

/** The server itself is away; the line says so, and its next error or opening asks again. */
function unreachable() {}
