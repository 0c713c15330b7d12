import { encode } from '../../src/wire/encoder.ts'
import type { Refusal } from '../http-error.ts'
import type { Gap } from '../log/log.ts'
import type { Limits } from '../options.ts'
import type { Piece } from './batch.ts'

/** `rt.open`, see PROTOCOL.md. */
export interface Open {
  session: string
  resumed: boolean
  acked: number
  heartbeat: number
  spread: number
  limits: Pick<Limits, 'message' | 'batch' | 'messages'>
}

export function openBlock(id: string, retry: number, open: Open): Piece {
  return block('open', open, { id, retry })
}

export function gapBlock(id: string, gap: Gap): Piece {
  return block('gap', gap, { id })
}

export function beatBlock(spread: number): Piece {
  return block('beat', { spread })
}

export function ackBlock(upTo: number): Piece {
  return block('ack', upTo)
}

/** The message of this number was not taken. */
export function nackBlock(number: number, { status, message }: Refusal): Piece {
  return block('nack', { number, status, message })
}

export function failBlock({ status, retryAfter, message, only }: Refusal): Piece {
  return block('fail', { status, retryAfter, message, only })
}

/** `retry` is in ms; `acked`: the number behind which nothing was or will be taken. */
export function byeBlock(retry: number, acked?: number): Piece {
  return block('bye', { acked }, { retry: Math.round(retry) })
}

/** The second sign of a stream, which proves that it flows. */
export const tickBlock: Piece = block('tick', {})

export const pongBlock: Piece = block('pong', {})

/** Repeats what was asked with, so that the client knows which question is answered. */
export function pongTo(ping: string): Piece {
  return ping ? { text: encode({ event: 'rt.pong', data: ping }) } : pongBlock
}

function block(name: string, data: unknown, more: { id?: string; retry?: number } = {}): Piece {
  return { text: encode({ ...more, event: `rt.${name}`, data: JSON.stringify(data) }) }
}
