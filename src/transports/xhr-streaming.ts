import { feed, type Target, type Transport } from '../contracts/transport.ts'
import { canStream, fetched } from './http/fetch-request.ts'
import { type Receiving, receive } from './http/receive.ts'
import { isEventStream, originOf, request } from './http/xhr-request.ts'

/**
 * For XMLHttpRequest alone: every look at a growing `responseText` costs as much as it is long, and the browser keeps all of it. So the stream
 * moves to a fresh request between two blocks after this many characters, or, where no id tells what came twice, after `most`.
 */
const enough = 512 * 1024
const most = 16 * enough

/**
 * One endless response read as it comes, by `fetch` where that can: Chromium tells at most every 50 ms what an XMLHttpRequest has received. Sends go beside
 * it, by POST.
 */
export const xhrStreaming: Transport = {
  name: 'xhr-streaming',
  kind: 'stream',
  setsHeaders: true,
  supports: target => target.environment.XMLHttpRequest !== undefined,
  open: (target, sink) => receive(target, sink, out => stream(out, target)),
}

/** `leave` ends the response that this one continues, once this one has brought something. */
function stream(out: Receiving, target: Target, leave?: () => void): void {
  const { dialect } = target
  const asked = target.buildRequest(xhrStreaming)
  const reader = target.reader(xhrStreaming)
  const by = canStream(target) ? fetched : request
  let rolled = false
  let brought = 0
  let origin: string | undefined
  const abort = by(target, asked, {
    head: reader.head,
    takes: isEventStream,
    opened(url) {
      origin = originOf(url)
      out.opened()
    },
    text(chunk, received) {
      leave?.()
      leave = undefined
      const whole = feed(chunk, reader, out, origin).length
      brought += whole
      // Left within a message, the next response would have to bring that again, however large it is.
      const within = whole === 0 && !/(\n\n|\r\n\r\n)$/.test(chunk)
      if (by === fetched || out.shut || rolled || received < enough || within) return
      if (dialect.protocol.comparableIds) {
        // Make before break: this response goes on until the next one brings something.
        rolled = true
        stream(out, target, abort)
      } else if (received > most) {
        rolled = true
        abort()
        out.responseEnded(asked.url, brought, () => stream(out, target), undefined, {
          code: 'left-for-fresh',
        })
      }
    },
    done(failure) {
      if (rolled) return
      const rest = reader.end()
      leave?.()
      if (rest.length > 0) out.blocks(rest)
      out.responseEnded(asked.url, brought + rest.length, () => stream(out, target), failure)
    },
  })
  out.setAbort(() => {
    abort()
    leave?.()
  })
}
