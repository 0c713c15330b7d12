import type { Hub, TransportName } from '../../server/index.ts'
import { createNetwork, type Ends, type Socket } from '../../testing/network.ts'
import { changed, clear, type Network, wayOf } from '../network.ts'
import { transports } from '../servers/transports.ts'

/** The network of one page, whose server is in the page: a lane for each transport, and one for what is beside them. */
export interface Lanes {
  fetch: typeof fetch
  open(request: Request, ends: Ends): Promise<Socket>
  /** What is open and does not pass as before breaks. */
  change(network: Network): void
}

export function createLanes(hub: Hub): Lanes {
  const server = { crossws: hub.crossws, fetch: (request: Request) => hub.fetch(asOfThisPage(request)) }
  const names: (TransportName | undefined)[] = [...transports, undefined]
  const lanes = new Map(
    names.map(name => [name, { network: createNetwork(server), leave: new Set<() => void>() }]),
  )
  let between = clear
  return { fetch: load, open, change }

  function change(next: Network): void {
    const isChanged = changed(between, next)
    between = next
    for (const [way, { network, leave }] of lanes) {
      if (isChanged(way)) {
        // A line would leave a way alone that is cut time after time: what is open ends as if its other end went away.
        for (const each of [...leave]) each()
        network.cut()
      }
      if (next.gone) network.offline()
      else network.online()
    }
  }

  async function load(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    const request = new Request(input, init)
    const { lane, obstacle } = find(request)
    if (obstacle === 'refused') return new Response(null, { status: 502 })
    if (obstacle === 'swallowed') return never(lane.leave, request.signal)
    const answer = lane.network.fetch(request)
    return obstacle === 'held' ? whole(await answer) : answer
  }

  async function open(request: Request, ends: Ends): Promise<Socket> {
    const { lane, obstacle } = find(request)
    if (obstacle === 'refused') throw lost()
    if (obstacle) return never(lane.leave)
    const socket = await lane.network.open(request, {
      heard: ends.heard,
      closed(code, reason) {
        lane.leave.delete(leave)
        ends.closed(code, reason)
      },
    })
    const leave = () => {
      ends.closed(between.gone ? 1006 : 1001, '')
      socket.close()
    }
    lane.leave.add(leave)
    return socket
  }

  function find({ url }: Request) {
    const way = wayOf(url)
    const lane = lanes.get(way) as NonNullable<ReturnType<typeof lanes.get>>
    return { lane, obstacle: way && !between.gone ? between.ways[way] : undefined }
  }
}

/** No answer comes. It is over when whoever asks gives up, or when the network changes. */
function never(leave: Set<() => void>, signal?: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const end = () => {
      leave.delete(end)
      reject(lost())
    }
    leave.add(end)
    signal?.addEventListener('abort', end)
  })
}

/** Nothing of an answer passes before its end. */
async function whole(response: Response): Promise<Response> {
  const body = response.body && (await response.arrayBuffer())
  return new Response(body, response)
}

/** What a browser says of a page by itself, and lets no page say: without it nobody answers a script. */
function asOfThisPage(request: Request): Request {
  const headers = new Headers(request.headers)
  headers.set('sec-fetch-site', 'same-origin')
  return Object.defineProperty(request, 'headers', { value: headers })
}

function lost(): TypeError {
  return new TypeError('Failed to fetch')
}
