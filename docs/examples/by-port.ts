/**
 * A WebSocket that somebody else holds: a page whose policy forbids connections, such as a sandboxed frame or a script of a browser
 * extension, has a port to a page or worker that may connect.
 */
import { guardSink, type Transport } from 'throughline/core'

/** What goes through the port, both ways. */
type ToRelay = { open: { url: string; protocols: string[] } } | { send: unknown } | { close: true }
type FromRelay =
  | { opened: true }
  | { data: string | ArrayBuffer }
  | { closed: { code: number; reason: string } }

/** The transport. `getPort` gives a fresh port for each connection, whose other end is with `relay`. */
export function byPort(getPort: () => MessagePort): Transport {
  const transport: Transport = {
    name: 'port',
    like: 'websocket',
    kind: 'socket',
    supports: () => typeof MessagePort === 'function',
    open(target, sink) {
      const { url, protocols = [] } = target.buildRequest(transport)
      const reader = target.reader(transport)
      const port = getPort()
      const say = (what: ToRelay) => port.postMessage(what)
      const out = guardSink(
        sink,
        () => {
          port.onmessage = null
          say({ close: true })
          port.close()
        },
        target.dialect.protocol.refusal,
      )
      let opened = false

      port.onmessage = ({ data: said }: MessageEvent<FromRelay>) => {
        if ('opened' in said) {
          opened = true
          out.opened()
        } else if ('data' in said) out.blocks(reader.feed(said.data))
        else {
          const { code, reason } = said.closed
          out.ended({
            kind: !opened ? 'refused' : code === 1006 ? 'cut' : 'ended',
            code: opened ? 'closed' : 'closed-early',
            where: url.split('?', 1)[0], // the query may hold secrets
            closeCode: code,
            detail: reason || undefined,
          })
        }
      }
      say({ open: { url, protocols } })

      return {
        close: out.close,
        send(data, done) {
          say({ send: data })
          done()
        },
      }
    },
  }
  return transport
}

/** The other end: opens the WebSocket, if it leads to a server that the page may reach. */
export function relay(port: MessagePort, isAllowed: (url: URL) => boolean, Socket = WebSocket): void {
  let socket: WebSocket | undefined
  const say = (what: FromRelay) => port.postMessage(what)

  port.onmessage = ({ data: said }: MessageEvent<ToRelay>) => {
    if ('open' in said) open(said.open)
    else if ('send' in said) {
      if (socket?.readyState === 1) socket.send(said.send as string)
    } else {
      socket?.close()
      port.close()
    }
  }

  function open({ url, protocols }: { url: string; protocols: string[] }): void {
    if (!isAllowed(new URL(url))) return say({ closed: { code: 1008, reason: 'not allowed' } })
    socket = new Socket(url, protocols)
    socket.binaryType = 'arraybuffer'
    socket.onopen = () => say({ opened: true })
    socket.onmessage = ({ data }) => say({ data })
    socket.onclose = ({ code, reason }) => say({ closed: { code, reason } })
    socket.onerror = () => {} // `close` follows
  }
}
