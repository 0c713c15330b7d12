/**
 * A hidden page that never ends: the forever frame.
 *
 * @module throughline/transports/iframe
 */
import { withoutQuery } from '../contracts/failure.ts'
import { guardSink, type Transport } from '../contracts/transport.ts'
import { poster } from './http/post.ts'
import { addressed } from './http/ticket.ts'
import { originOf } from './http/xhr-request.ts'

const traits = { name: 'iframe', kind: 'stream' } as const

/**
 * The forever frame: a hidden page of the line's own origin that never ends, whose scripts hand on what they hold and take themselves
 * away. It needs neither XMLHttpRequest nor fetch to hear. Sends go beside it, by POST.
 */
export const iframe: Transport = iframeFrom()

/**
 * The same, from further origins. What such a frame says is believed to come from there, and nothing that another one says.
 *
 * ```ts
 * import { connect } from 'throughline'
 * import { websocket } from 'throughline/core'
 * import { iframeFrom } from 'throughline/transports/iframe'
 * connect('https://push.example.com/live', { transports: [websocket, iframeFrom('https://push.example.com')] })
 * ```
 */
export function iframeFrom(...origins: string[]): Transport {
  return {
    ...traits,
    supports: target => target.environment.document?.documentElement !== undefined,
    open(target, sink) {
      const { dialect, environment } = target
      const document = environment.document as Document
      const { url } = target.buildRequest(traits)
      const origin = originOf(url) as string
      const reader = target.reader(traits)
      const post = poster(target, sink)
      const frame = document.createElement('iframe')
      const held = [post.close]
      const out = guardSink(sink, () => {
        for (const free of held) free()
        frame.onload = null
        frame.remove()
      })
      let opened = false
      held.push(environment.listen('message', event => hear(event as MessageEvent)))
      // It loads for as long as it lives: when this comes it is over, or was never what it should be. Of a break no engine tells.
      frame.onload = () =>
        out.ended({
          kind: opened ? 'cut' : 'refused',
          code: opened ? 'broke-off' : 'no-stream',
          where: withoutQuery(url),
        })
      frame.style.display = 'none'
      frame.referrerPolicy = 'origin' // by which a server knows a page it has listed
      if (origin !== document.location.origin && !origins.includes(origin)) refuse()
      // A page that is still loading would go on loading for as long as the frame does.
      else if (document.readyState !== 'complete') held.push(environment.listen('load', insert))
      else insert()
      return { close: out.close, send: post.send }

      function insert(): void {
        addressed(target, traits, {}, load, out.ended, stop => held.push(stop))
      }

      function load(url: string): void {
        frame.src = url
        ;(document.body ?? document.documentElement).append(frame)
      }

      function refuse(): void {
        const timer = environment.setTimeout(
          () => out.ended({ kind: 'unsupported', code: 'frame-origin', where: origin }),
          0,
        )
        held.push(() => environment.clearTimeout(timer))
      }

      function hear({ source, origin: from, data }: MessageEvent): void {
        if (source !== frame.contentWindow || from !== origin) return
        // So says a server that ends it in good order.
        if (data === null) return out.ended({ kind: 'ended', code: 'ended', where: withoutQuery(url) })
        if (typeof data !== 'string') return
        const blocks = reader.feed(data)
        const refusal = dialect.protocol.refusal?.(blocks)
        if (refusal) return out.ended(refusal)
        opened = true
        out.opened()
        if (data) out.blocks(blocks, origin)
      }
    },
  }
}
