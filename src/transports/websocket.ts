import { withoutQuery } from '../contracts/failure.ts'
import { feed, guardSink, type Transport } from '../contracts/transport.ts'
import { postAlone } from './http/post.ts'

/** One socket both ways; each frame carries whole blocks. */
export const websocket: Transport = {
  name: 'websocket',
  kind: 'socket',
  attemptLimit: 6,
  supports: target => target.environment.WebSocket !== undefined,
  open(target, sink) {
    const { url, protocols } = target.buildRequest(websocket)
    const reader = target.reader(websocket)
    const Socket = target.environment.WebSocket as typeof WebSocket
    const socket = new Socket(url, protocols)
    const out = guardSink(
      sink,
      (code, reason) => {
        socket.onopen = socket.onmessage = socket.onclose = null
        socket.close(code, reason)
      },
      target.dialect.protocol.refusal,
    )
    let opened = false
    socket.binaryType = 'arraybuffer'
    socket.onopen = () => {
      opened = true
      out.opened()
    }
    // Of no use beside the `close` event after it. But to the package `ws` an error that nobody listens for is an exception, also of a
    // socket that was closed before it opened.
    socket.onerror = () => {}
    socket.onmessage = event => feed(event.data, reader, out)
    socket.onclose = event => {
      // 1006 alone means that nobody said goodbye (RFC 6455, 7.1.5). `wasClean` asks for more: that our answer to it went out.
      const kind = event.code === 1006 ? 'cut' : 'ended'
      out.ended({
        kind: opened ? kind : 'refused',
        code: opened ? 'closed' : 'closed-early',
        where: withoutQuery(url),
        closeCode: event.code,
        detail: event.reason || undefined,
        // Not the event: its target knows the whole address.
        cause: { code: event.code, reason: event.reason, wasClean: event.wasClean },
      })
    }
    return {
      close: out.close,
      send(text, done) {
        const { byPost, frames } = target.dialect.sending
        if (byPost) return postAlone(target, text, done)
        if (socket.readyState !== 1) return done({ kind: 'ended', code: 'no-channel' })
        for (const frame of frames?.(text) ?? [text]) socket.send(frame as string)
        done()
      },
    }
  },
}
