import type { Socket } from 'node:net'
import type { Front } from './attach.ts'
import type { Context } from './context.ts'
import { reasonOf, refusal } from './http-error.ts'
import { refuseConnection } from './transports/responses.ts'

/** What is done with connections of which no request has been read. */
export function createDoor({
  room,
  events,
}: Pick<Context, 'room' | 'events'>): Required<Pick<Front, 'turnsAway' | 'dropped'>> {
  let told = false
  return { turnsAway, dropped }

  /** Node says nothing where accepting fails: it closes whatever comes as soon as no descriptor is left. So some are left. */
  function turnsAway(socket: Socket, plain: boolean): boolean {
    if (!room.isLast(socket)) return false
    const { remoteAddress = '' } = socket
    // Nobody could read an answer before the keys are agreed upon.
    if (plain) refuseConnection(socket, tooMany)
    else socket.destroy()
    tell(remoteAddress)
    return true
  }

  function dropped(address: string): void {
    tell(address)
    if (told) return
    told = true
    events.report(
      new Error(
        'connections are closed unanswered, since the server has as many as its maxConnections says; make that larger, or leave it out: newcomers get 503 then before no file descriptor is left',
      ),
    )
  }

  function tell(address: string): void {
    const { status, message, retryAfter } = tooMany
    const reason = reasonOf(tooMany)
    const unread = { via: undefined, method: '', path: '', host: undefined, origin: undefined }
    void events.tell('refused', { status, message, retryAfter, reason, ...unread, address })
  }
}

const tooMany = refusal(503, 'too many connections', 10, 'descriptors')
