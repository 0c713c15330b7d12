import { connect, json } from '/throughline/index.js'

/** The servers that the lab can switch to, where they are installed. */
export const servers = { throughline: 'Throughline', socketio: 'Socket.IO', nchan: 'Nchan' }

/**
 * A line to the rooms on one of the servers. `on` and `send` take messages by name, whatever the server makes of names.
 * The dialects of other servers are loaded when they are needed.
 */
export function lineTo(server, params) {
  return ways[server](params)
}

const ways = {
  throughline: async params => byName(connect('/live', { params, codec: json })),

  async socketio(params) {
    const { socketio } = await import('/throughline/dialects/socketio.js')
    return byName(connect('/socket.io/', { dialect: socketio(), params }))
  },

  /** Nchan has no names that reach a page by all its ways, so they travel inside. */
  async nchan(params) {
    const { nchan } = await import('/throughline/dialects/nchan.js')
    const line = connect('/nchan', { dialect: withVia(nchan({ multiplexed: true })), params, codec: json })
    const hearers = {}
    line.onmessage = ({ data: { event, data } }) => hearers[event]?.(data)
    return {
      line,
      on: (name, hear) => {
        hearers[name] = hear
      },
      send: (data, event) => line.send({ event, data }),
    }
  },
}

/** The lab refuses transports one by one, and a browser's EventSource asks as a page's own stream does: so the address says what asks. */
function withVia(dialect) {
  const { addressing } = dialect
  const buildRequest = given => {
    const asked = addressing.buildRequest(given)
    return { ...asked, url: `${asked.url}&via=${given.by.name}` }
  }
  return { ...dialect, addressing: { ...addressing, buildRequest } }
}

function byName(line) {
  return {
    line,
    on: (name, hear) => line.addEventListener(name, ({ data }) => hear(data)),
    send: (data, event) => line.send(data, { event }),
  }
}
