import { type Failure, place, tryTo } from './failure.ts'
import { poster } from './post.ts'
import { request } from './request.ts'
import { type Gate, gate, type Pipe, type Sink, type Target } from './transport.ts'

/** How long to wait after a response that ended and had nothing to say, in ms: who answers so is not asked without a pause. */
const breath = 1_000

/** What a pipe is given that receives by requests. */
export interface Receiving extends Gate {
  /** What is under way now, told by what stops it. */
  underway(stop: () => void): void
  /** Begins the next request after so many ms. */
  next(wait: number, begin: () => void): void
  /** A response is over that could have gone on for ever: with some dialects the next one continues it. `brought`: how many blocks it had. */
  over(url: string, brought: number, begin: () => void, failure?: Failure): void
}

/** A pipe that receives by requests, and sends beside them by POST. `begin` makes the first. */
export function receive(
  target: Target,
  sink: Sink,
  begin: (out: Receiving) => void,
  by = request,
): Required<Pipe> {
  const { dialect, environment } = target
  const post = poster(target, sink, by)
  let stop: () => void
  const out = gate(
    sink,
    () => {
      stop()
      post.close()
    },
    dialect.refusal,
  )
  const underway = (current: () => void) => {
    stop = current
  }
  const next = (wait: number, begin: () => void) => {
    if (out.shut) return
    const timer = environment.setTimeout(() => tryTo(begin, failed), wait)
    stop = () => environment.clearTimeout(timer)
  }
  const failed = (failure: Failure) =>
    out.ended({ ...failure, message: `could not ask again: ${failure.message}` })
  const over = (url: string, brought: number, begin: () => void, failure?: Failure) => {
    if (!failure && dialect.continues) next(brought > 0 ? 0 : breath, begin)
    else out.ended(failure ?? { kind: 'ended', message: `${place(url)} ended` })
  }
  begin(Object.assign(out, { underway, next, over }))
  return { close: out.close, send: post.send }
}
