import type { Context } from '../context.ts'
import type { Granted } from '../http/access.ts'
import type { HubRequest } from '../http/hub-request.ts'
import type { TransportName } from '../options.ts'
import { textOf } from '../wire/batch.ts'
import { type Channel, progressOf, refuseBehindAnother } from '../wire/channel.ts'
import { beatBlock } from '../wire/control-events.ts'
import type { Outgoing } from '../wire/exchange.ts'
import { sendScript, sendText } from './responses.ts'

/** How long a poll is held, in ms: shorter than the patience of the usual proxies. */
const hold = 25_000

/** Answers with what is waiting, or waits until something is. */
export function servePoll({ lines }: Context, ask: HubRequest, granted: Granted, response: Outgoing): void {
  refuseBehindAnother(response)
  const opening = lines.prepare(ask, granted)
  const connection = lines.open(pollChannel(response, ask), opening)
  const timer = setTimeout(() => lines.say(connection, beatBlock(lines.spread())), hold)
  response.once('close', () => {
    clearTimeout(timer)
    lines.gone(connection)
  })
}

function pollChannel(response: Outgoing, ask: HubRequest): Channel {
  return {
    transport: ask.via as TransportName,
    once: true,
    write(batch) {
      if (ask.via === 'jsonp') sendScript(response, ask, textOf(batch))
      // With text Node writes head and body at once.
      else sendText(response, 200, 'text/event-stream', textOf(batch))
    },
    ...progressOf(response),
    end: () => {}, // it has ended with what was written
    cut: () => void response.destroy(),
  }
}
