import type { Failure } from './failure.ts'
import { request } from './request.ts'
import type { Pipe, Sink, Target } from './transport.ts'

/** The way up beside a pipe that only comes down: one POST at a time, whose answer is heard like everything else. */
export function poster(target: Target, sink: Pick<Sink, 'blocks'>): Required<Pipe> {
  const { dialect, environment } = target
  let abort: () => void = () => {}
  let limit: unknown
  let closed = false
  return {
    send(text, done) {
      if (closed) return
      const reader = dialect.reader('long-polling')
      const finish = (failure?: Failure) => {
        environment.clearTimeout(limit)
        done(failure)
      }
      abort = request(
        target,
        target.knock('post'),
        {
          text(chunk) {
            if (!closed) sink.blocks(reader.feed(chunk))
          },
          done: finish,
        },
        text,
      )
      // Without numbers a message must not go twice, so its answer is waited for.
      if (!dialect.acknowledges) return
      limit = environment.setTimeout(
        () => {
          abort()
          finish({ kind: 'silent', message: 'a POST was not answered' })
        },
        // At 1 KB/s a large one is on its way for that long.
        target.timeout + (text as string).length,
      )
    },
    close() {
      closed = true
      if (!dialect.acknowledges) return
      environment.clearTimeout(limit)
      abort()
    },
  }
}
