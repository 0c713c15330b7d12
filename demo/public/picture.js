import { by, make, write } from './dom.js'
import { transports } from './words.js'

const namespace = 'http://www.w3.org/2000/svg'

const obstacles = { refused: 'refused', swallowed: 'swallowed', held: 'held back' }

/** How many messages are drawn on their way at most: a line that catches up brings hundreds at once. */
const most = 12

/**
 * Draws the page, the server, and the ways between them.
 *
 * @param toggle is told the transport whose way somebody has switched
 */
export function createPicture(toggle) {
  const wires = by('wires')
  const ways = Object.keys(transports).map(toWay)
  by('ways').append(...ways.map(({ item }) => item))
  wires.append(...ways.map(({ wire }) => wire))
  let network = { gone: false, ways: {} }
  let current = null
  // The wires lead from box to box, wherever these stand on this screen.
  new ResizeObserver(draw).observe(by('picture'))

  return { between, carriedBy, travel }

  /** Shows what the network does to each way. */
  function between(next) {
    network = next
    show()
  }

  /** Lights the way that the line has taken; none, if it has none. */
  function carriedBy(transport) {
    current = transport
    by('picture').dataset.transport = transport ?? ''
    show()
  }

  /** A message on its way from the server to the page. */
  function travel(transport) {
    const way = ways.find(each => each.transport === transport)
    if (!way || wires.querySelectorAll('circle').length >= most) return
    const message = shape('circle', { r: 5 })
    message.dataset.transport = transport
    message.style.offsetPath = `path('${way.wire.getAttribute('d')}')`
    message.onanimationend = () => message.remove()
    wires.append(message)
    // Where nothing is to move, it has no animation that could end.
    if (message.getAnimations().length === 0) message.remove()
  }

  function show() {
    for (const { transport, item, wire, button, state } of ways) {
      const obstacle = network.gone ? 'gone' : network.ways[transport]
      const isUsed = transport === current
      for (const element of [item, wire]) {
        element.classList.toggle('used', isUsed)
        element.classList.toggle('blocked', obstacle !== undefined)
      }
      button.setAttribute('aria-checked', !network.ways[transport])
      write(state, network.gone ? 'no network' : (obstacles[obstacle] ?? (isUsed ? 'in use' : '')))
    }
    by('between').classList.toggle('gone', network.gone)
  }

  function draw() {
    const { left, top } = by('picture').getBoundingClientRect()
    const box = element => {
      const { x, y, width, height } = element.getBoundingClientRect()
      return { left: x - left, right: x - left + width, middle: y - top + height / 2 }
    }
    const [server, page] = [box(by('server')), box(by('page'))]
    for (const { item, wire } of ways) wire.setAttribute('d', pathOf(server, box(item), page))
  }

  function toWay(transport) {
    const name = transports[transport]
    const wire = shape('path', {})
    wire.dataset.transport = transport
    const state = make('span', { className: 'fate' })
    const aria = { role: 'switch', checked: 'true', label: `Let ${name} through` }
    const button = make(
      'button',
      { type: 'button', className: 'way', onclick: () => toggle(transport), aria },
      make('span', { className: 'dot' }),
      make('span', { className: 'name' }, name),
    )
    return { transport, wire, button, state, item: make('li', { data: { transport } }, button, state) }
  }
}

/** From the server through a way's box to the page. */
function pathOf(server, way, page) {
  const [right, left] = [(server.left + way.right) / 2, (way.left + page.right) / 2]
  return [
    `M ${server.left} ${server.middle}`,
    `C ${right} ${server.middle}, ${right} ${way.middle}, ${way.right} ${way.middle}`,
    `L ${way.left} ${way.middle}`,
    `C ${left} ${way.middle}, ${left} ${page.middle}, ${page.right} ${page.middle}`,
  ].join(' ')
}

function shape(name, attributes) {
  const element = document.createElementNS(namespace, name)
  for (const each in attributes) element.setAttribute(each, attributes[each])
  return element
}
