import type { Line } from '../../src/connection/line.ts'
import type { Dialect } from '../../src/contracts/dialect.ts'
import type { TransportName } from '../../src/contracts/failure.ts'
import type { Transport } from '../../src/contracts/transport.ts'
import { native } from '../../src/dialects/native.ts'
import { plain } from '../../src/dialects/plain.ts'
import { open } from '../../src/setup/choose.ts'
import type { Options } from '../../src/setup/options.ts'
import { json } from '../../src/wire/codec.ts'
import { pong, tick, welcome } from './blocks.ts'
import { type Fake, type FakeChannel, fake } from './fakes.ts'
import { createWorld, type World } from './world.ts'

export { json }

export type Asked = Options<TransportName | Transport, string | Dialect>

export interface Stage {
  line: Line<Record<string, string>>
  world: World
  /** The first transport, which most tests have alone. */
  transport: Fake
  /** What the line's own events and its messages said, in order. */
  heard: string[]
}

/** A line over transports that the test drives, in a world of its own. */
export async function openLine(options: Asked & { world?: World; url?: string } = {}): Promise<Stage> {
  const { world = createWorld(), url = '/live', ...asked } = options
  const transport = fake('websocket')
  const catalogue = { transports: [transport], dialects: [native, plain] }
  const line = open<Record<string, string>>(catalogue, url, { environment: world.environment, ...asked })
  const heard: string[] = []
  line.addEventListener('open', e => heard.push(`open by ${e.transport}${e.resumed ? ', resumed' : ''}`))
  line.addEventListener('message', e => heard.push(`message ${e.data}`))
  line.addEventListener('gap', e => heard.push(`gap ${e.reason}`))
  line.addEventListener('error', e => 'error' in e && heard.push(`error ${e.error.kind}`))
  line.addEventListener('close', e => 'reason' in e && heard.push(`close: ${e.reason}`))
  await world.settle()
  return { line, world, transport, heard }
}

/** The server accepts and greets. */
export function greet(channel: FakeChannel, ...told: Parameters<typeof welcome>): void {
  channel.opens()
  channel.brings(welcome(...told))
}

/** The server greets and the proof comes, whatever it is. */
export async function prove(
  world: World,
  channel: FakeChannel,
  ...told: Parameters<typeof welcome>
): Promise<void> {
  greet(channel, ...told)
  await world.pass(200)
  channel.brings(tick, pong)
}
