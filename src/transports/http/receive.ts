import { type Failure, tryTo, withoutQuery } from '../../contracts/failure.ts'
import {
  type Channel,
  type GuardedSink,
  guardSink,
  type Sink,
  type Target,
} from '../../contracts/transport.ts'
import { requester } from './fetch-request.ts'
import { createPollPacing, type Over, type PollPacing } from './poll-pacing.ts'
import { poster } from './post.ts'

/** What a channel is given that receives by requests. */
export interface Receiving extends GuardedSink, Pick<PollPacing, 'spaced'> {
  /** What is under way now, told by what stops it. */
  setAbort(stop: () => void): void
  /** How long to wait after the answer that is over until the next request, in ms. */
  pace(over: Omit<Over, 'since'>): number
  /** Begins the next request after so many ms. */
  scheduleNext(wait: number, begin: () => void): void
  /** A response is over that could have gone on for ever: with some dialects the next one continues it. `brought`: how many blocks it had. `end` says more of an end in good order. */
  responseEnded(
    url: string,
    brought: number,
    begin: () => void,
    failure?: Failure,
    end?: Partial<Failure>,
  ): void
}

/** A channel that receives by requests, and sends beside them by POST. `begin` makes the first. */
export function receive(
  target: Target,
  sink: Sink,
  begin: (out: Receiving) => void,
  by = requester(target),
): Required<Channel> {
  const { dialect, environment } = target
  const post = poster(target, sink, by)
  const { after, spaced } = createPollPacing(target)
  let stop: () => void
  let since: number
  const out = guardSink(
    sink,
    () => {
      stop()
      post.close()
    },
    dialect.protocol.refusal,
  )
  const setAbort = (current: () => void) => {
    stop = current
    since = environment.now()
  }
  const scheduleNext = (wait: number, begin: () => void) =>
    out.heard(() => {
      if (out.shut) return
      const timer = environment.setTimeout(() => tryTo(begin, out.ended), wait)
      stop = () => environment.clearTimeout(timer)
    })
  const pace = (over: Omit<Over, 'since'>) => after({ ...over, since })
  const responseEnded = (
    url: string,
    brought: number,
    begin: () => void,
    failure?: Failure,
    end?: Partial<Failure>,
  ) => {
    if (!failure && dialect.policy?.resumesCleanEnd) scheduleNext(pace({ spoke: brought > 0 }), begin)
    else out.ended(failure ?? { kind: 'ended', code: 'ended', where: withoutQuery(url), ...end })
  }
  begin(Object.assign(out, { setAbort, pace, spaced, scheduleNext, responseEnded }))
  return { close: out.close, send: post.send }
}
