/** What the door shows before anybody has come in: a line that hears the server count. */
import { connect } from '/throughline/index.js'
import { by, make, write } from './dom.js'
import { transports } from './words.js'

/** How many of the latest beats are shown. */
const shown = 24

/** Gives back what ends it. */
export function glimpse() {
  const line = connect('/pulse')
  line.onopen = ({ transport }) => {
    by('glimpse').dataset.transport = transport
  }
  line.onmessage = ({ data }) => {
    write(by('beat'), `Message ${data}, by ${transports[line.transport]}`)
    by('marks').append(make('li', { data: { transport: line.transport } }))
    if (by('marks').children.length > shown) by('marks').firstChild.remove()
  }
  line.onerror = () => {
    by('glimpse').dataset.transport = ''
    write(by('beat'), 'Interrupted; it comes back by itself')
  }
  return () => line.close()
}
