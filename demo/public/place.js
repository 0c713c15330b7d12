/** Where the server of the first page is: here, at the other end of the network. The static demo has another module in place of this one. */
import { connect, json } from '/throughline/index.js'
import { ask } from './dom.js'

export const where = 'The server behind this page takes the network apart, for this page alone.'

/** A line through the network that has this name. */
export function open(network) {
  return connect('/line', { params: { network }, codec: json, resume: 'session' })
}

/** Puts another network between. It goes beside the line, so that it works while the line is down. */
export function change(network, { gone, ways }) {
  return ask('/line/network', { network, gone, ways })
}

/** What has to be kept when the page goes, for `open` to go on after a reload. The server here goes on by itself. */
export function leave() {}
