import { setupServer } from 'msw/node'
import { afterAll, afterEach, beforeAll, onTestFinished } from 'vitest'
import { connect, type Line } from '../../src/index.ts'
import { encode } from '../../src/wire/encoder.ts'

/** What a test of a page sets up once: msw answers in the server's place. */
export const server = setupServer()

beforeAll(() => server.listen({ onUnhandledRequest: 'error' }))
afterEach(() => server.resetHandlers())
afterAll(() => server.close())

/** The page's own line, closed when the test is over. */
export function open(...args: Parameters<typeof connect>): Line<Record<string, string>> {
  const line = connect(...args)
  onTestFinished(() => line.close())
  return line
}

/** The next event of a name. */
export function next(line: EventTarget, name: string): Promise<Event & { data?: unknown }> {
  return new Promise(resolve => line.addEventListener(name, resolve, { once: true }))
}

export const eventStream = { 'Content-Type': 'text/event-stream' }

/** The greeting of the native wire, as docs/PROTOCOL.md has it. */
export function greeting(acked = 0): string {
  const open = {
    session: 'a-session',
    resumed: false,
    acked,
    heartbeat: 15_000,
    spread: 0,
    limits: { message: 1_048_576, batch: 65_536, messages: 1_000 },
  }
  return encode({ event: 'rt.open', id: 'e.0.a', data: JSON.stringify(open) })
}

export function message(seq: number, data: string, event?: string): string {
  return encode({ id: `e.${seq}.t`, data, event })
}
