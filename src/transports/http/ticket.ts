import type { RequestDetails } from '../../contracts/dialect.ts'
import { type Failure, tryTo } from '../../contracts/failure.ts'
import { viaPost } from '../../contracts/traits.ts'
import type { Requester, Target } from '../../contracts/transport.ts'
import type { Fetch } from '../../here.ts'
import { wait } from '../../quiet-timer.ts'

/**
 * Begins a request that can have no header. Where the line has a token, a ticket stands in the address in its place, which is good once
 * and fetched by a POST before (docs/PROTOCOL.md, "A ticket"). `underway` gets the function that stops the POST.
 */
export function addressed(
  target: Target,
  transport: Requester,
  details: RequestDetails,
  begin: (url: string) => void,
  failed: (failure: Failure) => void,
  underway: (stop: () => void) => void,
): void {
  const { environment, timeout, ticket: fetchTicket } = target
  if (!fetchTicket) return begin(target.buildRequest(transport, details).url)
  const stop = wait(environment, timeout, () =>
    over(() => failed({ kind: 'silent', code: 'no-ticket', where: transport.name, after: timeout })),
  )
  let waits = true
  underway(() => over(() => {}))
  void fetchTicket(
    environment.fetch as Fetch,
    target.buildRequest({ ...viaPost, name: 'ticket' }),
    target.withCredentials,
    `a ticket for ${transport.name}`,
  ).then(ticket =>
    over(() => {
      if (typeof ticket !== 'string') return failed(ticket)
      tryTo(() => begin(target.buildRequest(transport, { ...details, ticket }).url), failed)
    }),
  )

  function over(act: () => void): void {
    if (!waits) return
    waits = false
    stop()
    act()
  }
}
