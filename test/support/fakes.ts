import type { Incoming, Request, RequestDetails } from '../../src/contracts/dialect.ts'
import type { Failure, TransportName } from '../../src/contracts/failure.ts'
import type { Sink, Target, Transport } from '../../src/contracts/transport.ts'

import { ours } from './dialects.ts'

/** What a transport says that it is. */
type Kind = Omit<Transport, 'supports' | 'open'>

/** A transport whose channels do what the test says. */
export interface Fake extends Transport {
  readonly channels: FakeChannel[]
  /** The latest channel. */
  readonly channel: FakeChannel
  supported: boolean
  /** What `open` throws. */
  throws: Error | undefined
}

export interface FakeChannel {
  readonly target: Target
  /** The request it began with. */
  readonly asked: Request
  readonly query: Record<string, string>
  /** All that was sent up, oldest first. */
  readonly sent: string[]
  /** Hears what is sent up. */
  heard?: (text: string) => void
  /** Neither ended nor closed. */
  readonly open: boolean
  opens(): void
  /** One call of `blocks`. */
  brings(...blocks: Partial<Incoming>[]): void
  pauses(failure?: Failure): void
  ends(failure?: Failure): void
  /** Says `done` to the oldest send that waits for it. */
  takes(failure?: Failure): void
}

export const cut: Failure = { kind: 'cut', code: 'the channel broke off' }
export const refused: Failure = { kind: 'refused', code: 'nobody answered' }
export const endedWell: Failure = { kind: 'ended', code: 'the response ended' }

export function status(code: number, more: Partial<Failure> = {}): Failure {
  return { kind: 'status', status: code, code: `answered with status ${code}`, ...more }
}

/** In place of our transport of this name, or of one with these traits. */
export function fake(what: TransportName | Kind, { sends = true } = {}): Fake {
  const channels: FakeChannel[] = []
  const original = typeof what === 'string' ? ours(what) : what
  return {
    ...original,
    supported: true,
    throws: undefined,
    supports() {
      return this.supported
    },
    channels,
    get channel() {
      const last = channels.at(-1)
      if (!last) throw new Error(`${original.name} was never opened`)
      return last
    },
    open(target, sink) {
      if (this.throws) throw this.throws
      const { channel, close, send } = createChannel(original, target, sink)
      channels.push(channel)
      return sends ? { close, send } : { close }
    },
  }
}

export function fakes<Names extends TransportName[]>(...names: Names): { [Index in keyof Names]: Fake } {
  return names.map(name => fake(name)) as never
}

function createChannel(transport: Kind, target: Target, sink: Sink) {
  const asked = target.buildRequest(transport, { pollIndex: 0 } satisfies RequestDetails)
  const sent: string[] = []
  const waiting: ((failure?: Failure) => void)[] = []
  let open = true
  const alive = (act: () => void) => {
    if (!open)
      throw new Error(`this channel of ${transport.name} is closed: a real one would say nothing any more`)
    act()
  }
  const channel: FakeChannel = {
    target,
    asked,
    query: Object.fromEntries(new URL(asked.url).searchParams),
    sent,
    get open() {
      return open
    },
    opens: () => alive(sink.opened),
    brings: (...blocks) => alive(() => sink.blocks(blocks.map(whole))),
    pauses: (failure = endedWell) => alive(() => sink.paused(failure)),
    ends: (failure = cut) =>
      alive(() => {
        open = false
        sink.ended(failure)
      }),
    takes: failure => alive(() => waiting.shift()?.(failure)),
  }
  return {
    channel,
    close() {
      open = false
    },
    send(text: unknown, done: (failure?: Failure) => void) {
      sent.push(text as string)
      waiting.push(done)
      channel.heard?.(text as string)
    },
  }
}

function whole(block: Partial<Incoming>): Incoming {
  return { id: undefined, event: undefined, data: undefined, retry: undefined, encoding: undefined, ...block }
}
