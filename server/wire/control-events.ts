import { encode } from '../../src/wire/encoder.ts'
import type { Refusal } from '../http-error.ts'
import type { Gap } from '../log/log.ts'
import type { Limits } from '../options.ts'
import type { Piece } from './batch.ts'

/** `rt.open`, see PROTOCOL.md. */
export interface Open {
  session: string
  /** From version 2 on: the topics that were granted and that the client did not name, and where each begins. */
  topics?: Record<string, string>
  /** From version 2 on: which of the client's sets of topics the request named. */
  set?: number | undefined
  resumed: boolean
  acked: number
  heartbeat: number
  spread: number
  limits: Pick<Limits, 'message' | 'batch' | 'messages'>
}

export function openBlock(id: string, retry: number, open: Open): Piece {
  return block('open', open, { id, retry })
}

/** `topic`: whose loss it is, if not that of the whole line. */
export function gapBlock(id: string, gap: Gap, topic?: string): Piece {
  return block('gap', gap, { id, topic })
}

/** A topic is heard from this position on. `re`: the number of the question, if it has one; `trimmed`: not all that was asked for is kept. */
export function subscribedBlock(topic: string, id: string, re: number, trimmed = false): Piece {
  return block('subscribed', trimmed ? { trimmed } : {}, { id, topic, re: re ? `${re}` : undefined })
}

/** What follows is a page of what a topic keeps, after the position `id`. `more`: it keeps older ones; `trimmed`: it had older ones. */
export function historyBlock(id: string, more: boolean, trimmed: boolean): Piece {
  return block('history', { more, trimmed }, { id })
}

/** A topic is not heard, or not any more. */
export function unsubscribedBlock(topic: string, { status, message }: Refusal): Piece {
  return block('unsubscribed', { status, message }, { topic })
}

/** Who is in a topic: `json` has the list, or what has changed. */
export function presenceBlock(topic: string, json: string): Piece {
  return { text: encode({ topic, event: 'rt.presence', data: json }) }
}

/** It is not told who is in a topic. */
export function noPresenceBlock(topic: string, { status, message }: Refusal): Piece {
  return block('presence', { status, message }, { topic })
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

export function failBlock({ status, retryAfter, message, only, ended, acked }: Refusal): Piece {
  return block('fail', { status, retryAfter, message, only, ended, acked })
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

function block(
  name: string,
  data: unknown,
  more: { id?: string; retry?: number; topic?: string | undefined; re?: string | undefined } = {},
): Piece {
  return { text: encode({ ...more, event: `rt.${name}`, data: JSON.stringify(data) }) }
}
