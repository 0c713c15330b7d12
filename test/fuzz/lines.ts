/** A whole line, in virtual time, that hears what a server that means harm, or is broken, says to it. */
import type { Dialect } from '../../src/contracts/dialect.ts'
import type { TransportName } from '../../src/contracts/failure.ts'
import { native } from '../../src/dialects/native.ts'
import { nchan } from '../../src/dialects/nchan.ts'
import { plain } from '../../src/dialects/plain.ts'
import { socketio } from '../../src/dialects/socketio.ts'
import { sockjs } from '../../src/dialects/sockjs.ts'
import { ours } from '../support/dialects.ts'
import { fake } from '../support/fakes.ts'
import { openLine } from '../support/line.ts'
import type { Shelf } from './corpus.ts'

/** By its name: what hears, over what, and what its inputs begin with. */
export const lines: Record<string, [hears: (input: Uint8Array) => Promise<void>, Shelf]> = {
  'a line of native': [input => hear(native, 'websocket', input), 'blocks'],
  'a line of plain': [input => hear(plain, 'xhr-streaming', input), 'plain'],
  'a line of nchan': [input => hear(nchan(), 'xhr-streaming', input), 'nchan'],
  'a line of sockjs': [input => hear(sockjs(), 'xhr-streaming', input), 'sockjs'],
  'a line of socketio': [input => hear(socketio(), 'long-polling', input), 'socketio'],
}

/** How often a line may ask in a second, whatever it hears. */
const mostAsked = 20

/**
 * No exception reaches the transport, what a page is handed is of the types that are promised, the line does not ask without a pause,
 * and nothing of it is left once it is closed.
 */
async function hear(dialect: Dialect, via: TransportName, input: Uint8Array): Promise<void> {
  const transport = fake(via)
  const stage = await openLine({ dialect, transports: [transport], url: 'https://host.test/there/' })
  const { line, world } = stage
  const strange: string[] = []
  line.addEventListener('message', ({ data, lastEventId }) => {
    if (!isData(data, dialect) || typeof lastEventId !== 'string')
      strange.push(`${typeof data} with ${typeof lastEventId}`)
  })
  const reader = dialect.framing.reader(ours(via))
  transport.channel.opens()
  for (const block of [...reader.feed(new TextDecoder().decode(input)), ...reader.end()]) {
    if (!transport.channel.open) break
    transport.channel.brings(block)
  }
  await world.settle()
  const before = transport.channels.length
  await world.pass(1_000)
  const asked = transport.channels.length - before
  line.close()
  await world.settle()
  if (strange.length > 0) throw new Error(`a page was handed ${strange[0]}`)
  if (asked > mostAsked) throw new Error(`the line asked ${asked} times in a second`)
  if (world.timers > 0) throw new Error(`${world.timers} timers are left behind`)
}

/** Text or bytes, or what JSON can hold where the wire tells values from texts. */
function isData(data: unknown, { name, sending }: Dialect): boolean {
  if (typeof data === 'string' || data instanceof ArrayBuffer || sending.codec) return true
  return name === 'native' && (data === null || /^(number|boolean|object)$/.test(typeof data))
}
