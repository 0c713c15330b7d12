import type { RequestDetails } from '../../contracts/dialect.ts'
import { type Failure, type TransportName, tryTo } from '../../contracts/failure.ts'
import type { Target } from '../../contracts/transport.ts'
import type { Fetch } from '../../here.ts'
import { wait } from '../../quiet-timer.ts'
import { exchange } from './exchange.ts'

/**
 * Begins a request that can have no header. Where the line has a token, a ticket stands in the address in its place, which is good once
 * and fetched by a POST before (docs/PROTOCOL.md, "A ticket"). `underway` gets the function that stops the POST.
 */
export function addressed(
  target: Target,
  via: TransportName,
  details: RequestDetails,
  begin: (url: string) => void,
  failed: (failure: Failure) => void,
  underway: (stop: () => void) => void,
): void {
  const { environment, timeout, withCredentials } = target
  if (!target.ticketed) return begin(target.buildRequest(via, details).url)
  const stop = wait(environment, timeout, () =>
    over(() => failed({ kind: 'silent', code: 'no-ticket', where: via, after: timeout })),
  )
  let waits = true
  underway(() => over(() => {}))
  const fetch = environment.fetch as Fetch
  void exchange(
    fetch,
    target.buildRequest('ticket'),
    withCredentials,
    'rt.ticket',
    '',
    `a ticket for ${via}`,
  ).then(ticket =>
    over(() => {
      if (typeof ticket !== 'string') return failed(ticket)
      tryTo(() => begin(target.buildRequest(via, { ...details, ticket }).url), failed)
    }),
  )

  function over(act: () => void): void {
    if (!waits) return
    waits = false
    stop()
    act()
  }
}
