/**
 * One endless response of parts, `multipart/x-mixed-replace`.
 *
 * @module throughline/transports/multipart
 */
import type { Head, Reader } from '../contracts/dialect.ts'
import { type Failure, readRetryAfter, withoutQuery } from '../contracts/failure.ts'
import { feed, type Target, type Transport } from '../contracts/transport.ts'
import { boundaryOf, createMultipart, type Multipart, type Piece } from '../wire/multipart.ts'
import { canStream, download, fetched } from './http/fetch-request.ts'
import { type Receiving, receive } from './http/receive.ts'
import { isAnyEventStream, messageReader } from './http/whole-body-reader.ts'
import { originOf } from './http/xhr-request.ts'

/** WebKit reads the second type itself, part for part, and then fails: who has the choice sends the first. */
const types = 'multipart/mixed, multipart/x-mixed-replace;q=0.5'

/**
 * One endless response of many parts (`multipart/mixed`, or, but in WebKit, `multipart/x-mixed-replace`), each of which is a message, or,
 * where its type is `text/event-stream`, holds blocks. Sends go beside it, by POST.
 */
export const multipart: Transport = {
  name: 'multipart',
  kind: 'parts',
  setsHeaders: true,
  supports: canStream,
  open: (target, sink) => receive(target, sink, out => stream(out, target), fetched),
}

/** `before`: what the latest part was read by. */
function stream(out: Receiving, target: Target, before?: Reader): void {
  const asked = target.buildRequest(multipart)
  const { Accept } = asked.headers
  const headers = { ...asked.headers, Accept: Accept?.includes('multipart') ? Accept : types }
  let parts: Multipart
  let part: Part
  let origin: string | undefined
  let brought = 0
  const abort = download(
    target,
    { ...asked, headers },
    {
      head(head) {
        const boundary = boundaryOf(head.header('Content-Type'))
        if (head.status !== 200 || !boundary) return refusal(asked.url, head)
        parts = createMultipart(boundary)
        return undefined
      },
      opened(url) {
        origin = originOf(url)
        out.opened()
      },
      bytes(chunk) {
        for (const piece of parts.feed(chunk)) if (!out.shut) take(piece)
        if (parts.overflowed)
          out.ended({
            kind: 'overflow',
            code: 'header-too-large',
            where: withoutQuery(asked.url),
          })
      },
      done(failure) {
        out.responseEnded(asked.url, brought, () => stream(out, target, before), failure)
      },
    },
  )
  out.setAbort(abort)

  function take(piece: Piece): void {
    brought++
    if (piece.type === 'part') begin(piece.header)
    else if (piece.type === 'body')
      feed(part.decoder.decode(piece.bytes, { stream: true }), part.reader, out, origin)
    else {
      const rest = part.reader.end()
      if (rest.length > 0) out.blocks(rest, origin)
    }
  }

  /** A part is read as the dialect reads it if that goes by headers, or if the part is an event stream. Any other is a message. */
  function begin(header: Head['header']): void {
    const reader = target.reader(multipart, before)
    before = reader
    const isMessage = !reader.head && !isAnyEventStream(header('content-type'))
    part = { reader: isMessage ? messageReader(target.largest) : reader, decoder: new TextDecoder() }
    const failure = reader.head?.(
      { status: 200, header: name => header(name.toLowerCase()) },
      () => undefined,
    )
    if (failure) out.ended(failure)
  }
}

/** A part on its way. */
interface Part {
  reader: Reader
  decoder: TextDecoder
}

function refusal(url: string, { status, header }: Head): Failure {
  const where = withoutQuery(url)
  const detail = header('Content-Type') ?? undefined
  if (status === 200) return { kind: 'content', code: 'no-multipart', where, status, detail }
  const retryAfter = readRetryAfter(header('Retry-After'))
  return { kind: 'status', code: 'status', where, status, retryAfter }
}
