import { commonHead } from '../http/head.ts'
import { targetOf } from '../http/hub-request.ts'
import { canonicalPath } from '../http/target.ts'
import type { Log } from '../log/log.ts'
import { atMost } from '../patience.ts'
import { ignore } from '../wire/channel.ts'
import type { Incoming, Outgoing } from '../wire/exchange.ts'

/** What a balancer, or whatever starts and stops processes, is answered. */
export interface Probe {
  /** 200, or 503 where it is not so. */
  readonly status: 200 | 503
  /** JSON, for `application/json`: `{"status":"ready"}`, or `{"status":"unready","why":["draining"]}`. */
  readonly body: string
}

/**
 * Why no new clients should be brought here. `draining` and `closed`: `hub.drain` and `hub.close` were called. `log`: it cannot be read just now.
 */
export type UnreadyReason = 'draining' | 'closed' | 'log'

export interface Probes {
  /** That the process answers. */
  health(): Probe
  /** Whether new clients may be brought here. Never rejects. */
  ready(): Promise<Probe>
  /** Answers the request, if it is to one of the two addresses. Gives whether it was. */
  handle(request: Incoming, response: Outgoing): boolean
  /** Whether it is to one of the two addresses. */
  owns(request: Incoming): boolean
}

/** How long a log may take to be read, in ms: shorter than a probe of Kubernetes waits. */
const patience = 900

/** `path`: that of the hub, if it answers the two addresses itself. `phase` says whether it goes away, `findable` when the other nodes can find it. */
export function createProbes(
  path: string | undefined,
  log: Log,
  phase: () => 'draining' | 'closed' | undefined,
  findable: () => Promise<unknown> | undefined,
): Probes {
  const kinds = new Map<string, 'health' | 'ready'>(
    path === undefined
      ? []
      : (['health', 'ready'] as const).map(kind => [`${path === '/' ? '' : path}/${kind}`, kind]),
  )
  let reading: Promise<boolean> | undefined

  return { health, ready, handle, owns: request => kindOf(request) !== undefined }

  function health(): Probe {
    return { status: 200, body: JSON.stringify({ status: 'ok' }) }
  }

  async function ready(): Promise<Probe> {
    const why: UnreadyReason | undefined = phase() ?? ((await isReadable()) ? phase() : 'log')
    return why === undefined
      ? { status: 200, body: JSON.stringify({ status: 'ready' }) }
      : { status: 503, body: JSON.stringify({ status: 'unready', why: [why] }) }
  }

  /** Whoever asks meanwhile is told what comes of the same reading: no number of probes is a load for the log. */
  function isReadable(): Promise<boolean> {
    if (log.ready === false) return Promise.resolve(false)
    reading ??= read().finally(() => {
      reading = undefined
    })
    return reading
  }

  async function read(): Promise<boolean> {
    let isRead = false
    const look = async () => {
      await log.after(undefined, [])
      await findable()
      isRead = true
    }
    const work = look().catch(ignore)
    return (await atMost(patience, work)) && isRead
  }

  function kindOf(request: Incoming): 'health' | 'ready' | undefined {
    if (kinds.size === 0) return undefined
    const of = (target: string) => kinds.get(canonicalPath(target) ?? '')
    return of(request.url ?? '') ?? of(targetOf(request))
  }

  function handle(request: Incoming, response: Outgoing): boolean {
    const kind = kindOf(request)
    if (kind === undefined) return false
    request.on('error', ignore)
    response.on('error', ignore)
    void answer(kind, request, response)
    return true
  }

  async function answer(kind: 'health' | 'ready', request: Incoming, response: Outgoing): Promise<void> {
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    if (!isRead) {
      response.writeHead(405, {
        ...commonHead,
        Allow: 'GET, HEAD',
        'Content-Type': 'text/plain; charset=utf-8',
      })
      response.end('A probe is asked by GET.\n')
      return
    }
    const { status, body } = kind === 'health' ? health() : await ready()
    if (response.destroyed) return
    response.writeHead(status, {
      ...commonHead,
      'Content-Type': 'application/json',
      'Content-Length': `${Buffer.byteLength(body)}`,
    })
    response.end(request.method === 'HEAD' ? undefined : body)
  }
}
