import { encode } from '../../src/wire/encoder.ts'
import type { Context } from '../context.ts'
import { readToken } from '../http/access.ts'
import { headFor } from '../http/head.ts'
import type { HubRequest } from '../http/hub-request.ts'
import { refusal } from '../http-error.ts'
import type { Outgoing } from '../wire/exchange.ts'
import { checkType } from './post.ts'
import { sendText } from './responses.ts'

/** Gives a ticket in exchange for the page's token. `authorize` is asked when it is used, and is shown the token then. */
export function serveTicket({ settings }: Context, ask: HubRequest, response: Outgoing): void {
  checkType(ask)
  const token = readToken(ask)
  if (token === undefined) throw refusal(401, 'there is no token that a ticket could be made of')
  sendText(
    response,
    headFor(ask),
    200,
    'text/event-stream',
    encode({ event: 'rt.ticket', data: settings.tickets.make({ token }) }),
  )
}
