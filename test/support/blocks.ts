import type { Incoming } from '../../src/contracts/dialect.ts'
import type { Hello } from '../../src/contracts/frame.ts'

// What a server of the native wire says, as the parser hands it over.

export function welcome(told: Partial<Hello> = {}, id = 'e.0.a'): Partial<Incoming> {
  const data = {
    session: 's1',
    resumed: false,
    acked: 0,
    heartbeat: 15_000,
    spread: 0,
    limits: { message: 1_048_576, batch: 65_536, messages: 1_000 },
    ...told,
  }
  return { event: 'rt.open', id, data: JSON.stringify(data) }
}

export function message(seq: number, data = `m${seq}`, event?: string): Partial<Incoming> {
  return { id: `e.${seq}.t${seq}`, data, event }
}

export function ack(upTo: number): Partial<Incoming> {
  return { event: 'rt.ack', data: `${upTo}` }
}

export const tick: Partial<Incoming> = { event: 'rt.tick', data: '{}' }
export const pong: Partial<Incoming> = { event: 'rt.pong', data: '{}' }
export const beat: Partial<Incoming> = { event: 'rt.beat', data: '{"spread":0}' }
