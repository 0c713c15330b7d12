import type { Proof } from '../contracts/dialect.ts'
import type { Transport } from '../contracts/transport.ts'

/**
 * One attempt of one transport. What is known only in some phases lives only in those.
 *
 * ```
 * connecting ──▶ accepted ──▶ receiving ──▶ verified
 *                  │  ▲         ▲   │          ▲│
 *                  ▼             │   ▼          │▼
 *                holding ────────┘  stalled ────┘
 * ```
 */
export type Candidate = {
  readonly id: number
  readonly transport: Transport
  /** What has to come before it is verified. */
  readonly proof: Proof
  readonly started: number
  /** Begun when the line had no position or session: it would begin anew and not continue. */
  readonly cold: boolean
} & (
  | { readonly phase: 'connecting' | 'accepted' }
  /** Its first data came at `arrived` and is kept for `moment` ms, since a better candidate is on its way. */
  | { readonly phase: 'holding'; readonly arrived: number; readonly moment: number }
  /** Its first data came at `heard`, and its proof is due; or overdue, and it is stalled. */
  | { readonly phase: 'receiving' | 'stalled'; readonly heard: number }
  | { readonly phase: 'verified'; readonly heard: number; readonly since: number }
)

export function hasHeard(candidate: Candidate): candidate is Candidate & { heard: number } {
  return 'heard' in candidate
}

/** Whether something came and more may follow, so that no other candidate has to begin. */
export function isBusy({ phase }: Candidate): boolean {
  return phase === 'holding' || phase === 'receiving' || phase === 'verified'
}

/** Whether something is due from it that is not overdue. */
export function isComing({ phase }: Candidate): boolean {
  return phase === 'accepted' || phase === 'holding' || phase === 'receiving'
}
