// npm install throughline crossws wrangler, then: npx wrangler dev
import { DurableObject } from 'cloudflare:workers'
import crossws from 'crossws/adapters/cloudflare'
import { createHub } from 'throughline/server'
import page from '../page.html'
import script from './node_modules/throughline/dist/throughline.min.js'

/** A hub lives in a Durable Object: all its lines have to be in one place, where a Worker is in many. */
export class Room extends DurableObject {
  #hub = createHub({ trustProxy: true })
  // The hub looks after silent lines itself.
  #sockets = crossws({ hooks: this.#hub.crossws })

  constructor(state, env) {
    super(state, env)
    this.#hub.on('message', ({ data }) => this.#hub.publish('room', data))
  }

  fetch(request) {
    if (request.headers.get('upgrade') === 'websocket')
      return this.#sockets.handleDurableUpgrade(this, request)
    return this.#hub.fetch(request, { address: request.headers.get('cf-connecting-ip') ?? '' })
  }

  webSocketMessage(socket, message) {
    return this.#sockets.handleDurableMessage(this, socket, message)
  }

  webSocketClose(socket, code, reason, wasClean) {
    return this.#sockets.handleDurableClose(this, socket, code, reason, wasClean)
  }
}

export default {
  fetch(request, env) {
    const { pathname } = new URL(request.url)
    if (pathname === '/live') return env.ROOM.get(env.ROOM.idFromName('one')).fetch(request)
    if (pathname === '/') return new Response(page, { headers: { 'Content-Type': 'text/html' } })
    if (pathname === '/throughline.js')
      return new Response(script, { headers: { 'Content-Type': 'text/javascript' } })
    return new Response('There is nothing here.', { status: 404 })
  },
}
