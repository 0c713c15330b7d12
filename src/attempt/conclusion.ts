import { type Failure, isTooLong } from '../contracts/failure.ts'
import { finalReason, isFinalStatus } from '../contracts/final-failures.ts'
import type { Target } from '../contracts/transport.ts'
import { type ProbeResult, probeStatus } from './status-probe.ts'

/**
 * Tells `done` what several failures come to: at once, if some browser said why; else one plain request asks. `bySocket` says whether
 * a failure is a socket's, `isSocketOpen` whether one may get through where other requests are refused. Nothing is told once `stop` aborts.
 */
export function conclude(
  failures: readonly Failure[],
  target: Target,
  stop: AbortSignal,
  done: (failure: Failure) => void,
  bySocket: (failure: Failure) => boolean,
  isSocketOpen: () => boolean = () => false,
  most = tellsMost(failures, target),
): void {
  if (most.kind === 'unsupported' || !failures.every(hidesWhy)) return done(most)
  void probeStatus(target, stop).then(answer => {
    if (stop.aborted) return
    // Whether what a GET is answered was told to one of those that failed.
    const isTold =
      target.dialect.protocol.sendsHello ||
      failures.some(failure => failure.kind !== 'unsupported' && !bySocket(failure))
    if (!answer || !saysWhy(answer, target, isTold, isSocketOpen)) return done(most)
    const { words: detail, ...told } = answer
    done({ ...most, ...told, kind: isTold ? 'status' : most.kind, detail })
  })
}

/**
 * Statuses that are said to us, and not to whoever asks without a transport of ours. What a server that does not know us answers to a
 * GET says nothing about its WebSocket, but that it wants to be left alone for a while.
 */
function saysWhy(
  { status, retryAfter }: ProbeResult,
  { dialect }: Target,
  isTold: boolean,
  isSocketOpen: () => boolean,
): boolean {
  if (isTooLong(status)) return true
  if (status === 429 || status === 503) return dialect.protocol.sendsHello || retryAfter !== undefined
  return isFinalStatus(status) && isTold && !isSocketOpen()
}

function hidesWhy({ kind, status }: Failure): boolean {
  return kind === 'refused' || kind === 'unsupported' || (kind === 'status' && status === undefined)
}

/** Of several failures the one that decides what happens next, with the others beside it. */
function tellsMost(failures: readonly Failure[], { dialect }: Target): Failure {
  const real = failures.filter(failure => failure.kind !== 'unsupported')
  const most =
    real.find(failure => failure.retryAfter !== undefined) ??
    real.find(failure => failure.status && !finalReason(failure, dialect)) ??
    real.find(failure => !finalReason(failure, dialect)) ??
    real[0] ??
    failures[0] ??
    ({ kind: 'unsupported', code: 'no-transport' } as const)
  return { ...most, besides: (real.length > 0 ? real : failures).filter(failure => failure !== most) }
}
