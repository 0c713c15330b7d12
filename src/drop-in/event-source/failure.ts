import { withoutQuery } from '../../contracts/failure.ts'
import type { Failure } from './life.ts'

/** Why an EventSource is interrupted, or has ended for good. */
export class EventSourceError extends Error {
  override readonly name = 'EventSourceError'
  /** What sort of failure it is. */
  readonly kind: Failure['kind']
  /** The HTTP status, where an answer is the reason. */
  readonly status: number | undefined

  /** @internal */
  constructor({ kind, head, cause }: Failure, url: string) {
    const sentences: Record<Failure['kind'], string> = {
      network: 'did not answer',
      ended: 'ended its answer',
      cut: 'broke off',
      silent: 'fell silent',
      away: 'was left',
      status: `answered with status ${head?.status}`,
      content: `answered with ${head?.headers.get('Content-Type')}, not an event stream`,
      unshared: 'is not shared with this origin',
      impossible: `cannot be asked: ${(cause as Error | undefined)?.message}`,
    }
    super(`${withoutQuery(url)} ${sentences[kind]}`, { cause })
    this.kind = kind
    this.status = head?.status
  }
}
