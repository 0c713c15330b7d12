/** The process of the hub that topics are published to. */
import { createServer } from 'node:http'
import { setImmediate as turn } from 'node:timers/promises'
import { createHub } from '../../server/index.ts'
import { answer } from '../stage/child.ts'
import { listen } from '../stage/pages.ts'

export type HostOrder =
  | { readonly do: 'start' }
  /** To so many topics in turn, and so many in each turn of the event loop, which go in one frame. Gives back the time of the processor for it, in ms. */
  | { readonly do: 'publish'; readonly count: number; readonly topics: number; readonly together: number }
  /** The time of the processor since the last `publish` began, in ms. */
  | { readonly do: 'spent' }

export interface HostTold {
  readonly port?: number
  readonly spent?: number
}

const hub = createHub({ retain: 100, admission: 100_000, limits: { topics: 2_000 } })
const server = createServer()
hub.attach(server)
const text = 'x'.repeat(100)
let begun = process.cpuUsage()

answer(carryOut)

async function carryOut(order: HostOrder): Promise<HostTold> {
  switch (order.do) {
    case 'start':
      return { port: await listen(server) }
    case 'publish':
      begun = process.cpuUsage()
      for (let n = 0; n < order.count; n++) {
        void hub.publish(`topic:${n % order.topics}`, text)
        if ((n + 1) % order.together === 0) await turn()
      }
      return {}
    case 'spent': {
      const { user, system } = process.cpuUsage(begun)
      return { spent: (user + system) / 1_000 }
    }
  }
}
