import { createHub } from 'throughline/server'

export const dynamic = 'force-dynamic'

// Next.js loads this file more than once.
globalThis.hub ??= begin()

function begin() {
  const hub = createHub({ trustProxy: true })
  hub.on('message', ({ data }) => hub.publish('room', data))
  return hub
}

const answer = request => globalThis.hub.fetch(request)

export { answer as GET, answer as OPTIONS, answer as POST }
