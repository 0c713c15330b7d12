import { type Failure, tryTo, withoutQuery } from '../contracts/failure.ts'
import { feed, type Transport } from '../contracts/transport.ts'
import { canRequest, requester } from '../transports/http/fetch-request.ts'
import { receive } from '../transports/http/receive.ts'
import { setQuery } from '../wire/address.ts'
import { hold } from './hold.ts'
import type { Place } from './place.ts'

const traits = { name: 'carried', kind: 'stream', setsHeaders: true } as const

/** That the tab is gone which brought this line's messages, or its channel is. */
export const carrierGone: Failure = { kind: 'cut', code: 'carrier-gone' }

/** What the server says comes down the channel of another tab, which is in the session `by`. Sends go beside it, by POST. */
export function carried({ key, locks, createChannel }: Place, by: string): Transport {
  return {
    ...traits,
    supports: canRequest,
    open(target, sink) {
      const name = `${Math.floor((1 + target.environment.random()) * 2 ** 48).toString(36)}`
      const reader = target.reader(traits)
      return receive(target, sink, out => {
        const pieces = createChannel(`${key} ${name}`)
        let count = 0
        let abort = () => {}
        let where: string | undefined
        // As long as this has the lock the other tab hands on what comes.
        const release = hold(
          locks,
          `${key} ${name}`,
          () => tryTo(ask, out.ended),
          () => out.ended(carrierGone),
        )
        out.setAbort(() => {
          release()
          abort()
          pieces.close()
        })
        pieces.onmessage = ({ data }) => take(`${data}`)

        function ask(): void {
          const { url, ...rest } = target.buildRequest(traits)
          const there = new URL(url)
          where = withoutQuery(url)
          setQuery(there, 'rt.by', by)
          setQuery(there, 'rt.as', name)
          abort = requester(target)(
            target,
            { ...rest, url: there.href },
            {
              opened: () => out.opened(),
              text() {},
              done: failure => failure && out.ended(failure),
            },
          )
        }

        /** One that is missing was lost with the channel that was to bring it. */
        function take(piece: string): void {
          const [, number, end, text] = /^(\d+)(?:( end)|\n([\s\S]*))$/.exec(piece) ?? []
          if (Number(number) !== ++count) return out.ended(carrierGone)
          if (end) return out.ended({ kind: 'ended', code: 'ended', where })
          out.opened()
          feed(text as string, reader, out)
        }
      })
    },
  }
}
