import { type Failure, tryTo, unreadable } from '../contracts/failure.ts'
import { handOver } from '../contracts/send.ts'
import type { Channel, Receiver, Route, Sink, Target, Transport } from '../contracts/transport.ts'
import { wait } from '../quiet-timer.ts'
import { conclude } from './conclusion.ts'
import { handOn } from './hand-on.ts'
import { begin, channelTarget, finish, whyNot } from './record.ts'

/**
 * One transport alone, watched: it may be silent for `timeout` before it has failed, what it does is written down for `report()`, and
 * where its browser hides why it was refused, one plain request asks.
 */
export function single(transport: Transport): Route {
  return { open: (target, line) => watch(transport, target, line) }
}

function watch(transport: Transport, target: Target, line: Receiver): Channel {
  const { dialect, environment, timeout } = target
  const { name } = transport
  const attempt = begin(target, name)
  const asking = new AbortController()
  let stop = () => {}
  let channel: Channel | undefined
  let state: 'connecting' | 'delivering' | 'over' = 'connecting'

  queueMicrotask(start)
  return { close, send: (text, done) => handOver(channel, text, done) }

  function start(): void {
    if (isOver()) return
    const code = whyNot(transport, target)
    if (code) return ended({ kind: 'unsupported', code, where: name })
    // An event stream that nobody greets on may be quiet from the start: many a server holds its headers back until then.
    if (dialect.protocol.sendsHello || transport.kind === 'socket')
      stop = wait(environment, timeout, () =>
        ended({ kind: 'silent', code: 'unanswered', where: name, after: timeout }),
      )
    const hear: Sink = {
      opened() {
        attempt.opened = environment.now()
        target.log?.(name, 'accepted')
        if (dialect.protocol.proof(transport).need === 'opened') delivers()
      },
      blocks(blocks, origin) {
        if (blocks.length === 0) return line.alive()
        if (state === 'connecting') delivers()
        const hand = handOn(line, origin)
        try {
          // A handler may close the line, and a block may end the channel.
          for (const block of blocks) if (!isOver()) hand(line.read(block))
        } catch (cause) {
          ended(unreadable(cause))
        }
      },
      paused: line.paused,
      ended,
    }
    tryTo(
      () => {
        channel = transport.open(channelTarget(target, transport), hear)
      },
      failure => ended({ ...failure, where: name }),
    )
  }

  /** Data flows, or is taken to where the server says nothing first. */
  function delivers(): void {
    stop()
    state = 'delivering'
    attempt.heard ??= environment.now()
    attempt.proven ??= attempt.heard
    target.log?.(name, 'proven')
    line.opened(transport)
  }

  function ended(cause: Failure): void {
    if (isOver()) return
    const failure = { ...cause, transport: name }
    attempt.failure = failure
    release()
    conclude([failure], target, asking.signal, line.ended, () => transport.kind === 'socket')
  }

  function release(): void {
    state = 'over'
    stop()
    finish(attempt, target)
    channel?.close()
  }

  function close(code?: number, reason?: string): void {
    asking.abort()
    if (isOver()) return
    channel?.close(code, reason)
    release()
  }

  function isOver(): boolean {
    return state === 'over'
  }
}
