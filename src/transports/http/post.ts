import type { Request } from '../../contracts/dialect.ts'
import { asCause, type Failure, readRetryAfter, tryTo, withoutQuery } from '../../contracts/failure.ts'
import type { Done } from '../../contracts/send.ts'
import type { Channel, Sink, Target } from '../../contracts/transport.ts'
import type { Payload } from '../../wire/codec.ts'
import { request } from './xhr-request.ts'

/** The way up beside a channel that only receives: one POST at a time, whose answer is heard like everything else. */
export function poster(target: Target, sink: Pick<Sink, 'blocks'>, by = request): Required<Channel> {
  const { environment } = target
  const { acknowledges, repeats = acknowledges, head } = target.dialect.sending
  const waiting: (() => void)[] = []
  let abort: (() => void) | undefined
  let limit: unknown
  let closed = false
  return {
    send,
    close() {
      closed = true
      if (!acknowledges) return
      environment.clearTimeout(limit)
      abort?.()
    },
  }

  function send(text: Payload, done: Done): void {
    if (closed && acknowledges) return done({ kind: 'ended', code: 'no-channel' })
    tryTo(() => {
      // Asked for now, also if it has to wait: it belongs to the session that the line is in now.
      const asked = target.buildRequest('post', { body: text })
      // What the protocol itself has to say may meet a message on its way.
      if (abort) waiting.push(() => post(asked, text, done))
      else post(asked, text, done)
    }, done)
  }

  function post(asked: Request, text: Payload, done: Done): void {
    const reader = target.reader({ kind: 'post' })
    let over = false
    const finish: Done = (failure, answered) => {
      over = true
      environment.clearTimeout(limit)
      abort = undefined
      done(failure, answered)
      if (!abort) waiting.shift()?.()
    }
    const hear = (chunk: string) => {
      if (!closed) sink.blocks(reader.feed(chunk))
    }
    const answer = { head, text: hear, done: (failure?: Failure) => finish(failure, !failure) }
    tryTo(() => {
      const stop = by(target, asked, answer, asked.body ?? text)
      if (!over) abort = stop
    }, finish)
    // Without numbers a message must not go twice, so its answer is waited for.
    if (!repeats || over) return
    limit = environment.setTimeout(
      () => {
        abort?.()
        finish({ kind: 'silent', code: 'post-unanswered' })
      },
      // At 1 KB/s a large one is on its way for that long.
      target.timeout + (typeof text === 'string' ? text.length : text.byteLength),
    )
  }
}

/** A POST beside a channel that has no other use for requests. Whether it was taken is all that its answer is asked for. */
export function postAlone(
  { environment: { fetch }, buildRequest, withCredentials }: Target,
  body: Payload,
  done: Done,
  mode?: RequestMode,
): void {
  if (!fetch) return done({ kind: 'refused', code: 'no-fetch' })
  const { url, headers, body: carried = body } = buildRequest('post', { body })
  const credentials = withCredentials ? 'include' : 'same-origin'
  const request = {
    method: 'POST',
    headers,
    credentials,
    body: carried as BodyInit,
    ...(mode && { mode }),
  } as const
  fetch(url, request).then(
    ({ ok, status, headers, type }) => {
      const retryAfter = readRetryAfter(headers.get('Retry-After'))
      // What may not be read has arrived all the same.
      done(
        ok || type === 'opaque'
          ? undefined
          : { kind: 'status', code: 'status', where: withoutQuery(url), status, retryAfter },
      )
    },
    thrown =>
      done({ kind: 'refused', code: 'unreachable', where: withoutQuery(url), cause: asCause(thrown) }),
  )
}
