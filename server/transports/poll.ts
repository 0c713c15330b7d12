import type { Context } from '../context.ts'
import type { Granted } from '../http/access.ts'
import { takesGzip } from '../http/encodings.ts'
import type { HubRequest } from '../http/hub-request.ts'
import type { TransportName } from '../options.ts'
import { textOf } from '../wire/batch.ts'
import { type Channel, progressOf, refuseBehindAnother } from '../wire/channel.ts'
import { beatBlock } from '../wire/control-events.ts'
import type { Outgoing } from '../wire/exchange.ts'
import { sendPacked, sendScript, sendText } from './responses.ts'

/** How long a poll is held, in ms: shorter than the patience of the usual proxies. */
const hold = 25_000

/** Answers with what is waiting, or waits until something is. */
export function servePoll(context: Context, ask: HubRequest, granted: Granted, response: Outgoing): void {
  const { lines } = context
  refuseBehindAnother(response)
  const opening = lines.prepare(ask, granted)
  const connection = lines.open(pollChannel(context, response, ask), opening)
  const timer = setTimeout(() => lines.say(connection, beatBlock(lines.spread())), hold)
  response.once('close', () => {
    clearTimeout(timer)
    lines.gone(connection)
  })
}

function pollChannel({ compression }: Context, response: Outgoing, ask: HubRequest): Channel {
  if (compression) response.setHeader('Vary', 'Origin, Accept-Encoding')
  const packs = takesGzip(ask.headers['accept-encoding']) ? compression : undefined
  return {
    transport: ask.via as TransportName,
    once: true,
    write(batch) {
      const parts = packs?.partsOf(batch)
      if (parts) sendPacked(response, ask, parts)
      else if (ask.via === 'jsonp') sendScript(response, ask, textOf(batch))
      // With text Node writes head and body at once.
      else sendText(response, 200, 'text/event-stream', textOf(batch))
    },
    ...progressOf(response),
    end: () => {}, // it has ended with what was written
    cut: () => void response.destroy(),
  }
}
