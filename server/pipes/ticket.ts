import type { ServerResponse } from 'node:http'
import { encode } from '../../src/wire/encoder.ts'
import { readToken } from '../access.ts'
import { sendText } from '../answers.ts'
import type { Ask } from '../ask.ts'
import type { Core } from '../core.ts'
import { refusal } from '../refusal.ts'
import { checkType } from './post.ts'

/** Gives a ticket in exchange for the page's token. `authorize` is asked when it is used, and is shown the token then. */
export function serveTicket({ settings }: Core, ask: Ask, response: ServerResponse): void {
  checkType(ask)
  const token = readToken(ask)
  if (token === undefined) throw refusal(401, 'there is no token that a ticket could be made of')
  sendText(
    response,
    200,
    'text/event-stream',
    encode({ event: 'rt.ticket', data: settings.tickets.make({ token }) }),
  )
}
