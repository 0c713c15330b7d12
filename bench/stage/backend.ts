/** The process of the servers: for each page a server and what it serves. */
import { createServer } from 'node:http'
import { bundle } from './bundle.ts'
import { answer } from './child.ts'
import { monotonic } from './clock.ts'
import { servers } from './contestants.ts'
import { listen, pageServer } from './pages.ts'

/** What it may be asked for: to send messages to all who are there, or for what it has heard. */
export type Order = Readonly<{ place: string }> &
  (
    | { readonly do: 'start'; readonly server: keyof typeof servers; readonly page: string }
    | {
        readonly do: 'publish'
        /** The number of the first message. */
        readonly from: number
        readonly count: number
        /** Characters of each. */
        readonly size: number
        /** So many in one turn of the event loop, and so many ms from turn to turn. */
        readonly at: Pace
      }
    /** Settles when so many were heard since the last time. */
    | { readonly do: 'hear'; readonly count: number }
  )

export interface Pace {
  readonly once: number
  readonly every: number
}

/** When each turn of publishing began, or the last message was heard, on the machine's clock. */
export type Told = Readonly<{ times: readonly number[]; port?: number }>

interface Place {
  readonly port: number
  publish(text: string): void
  heard: number
  until?: { count: number; met(): void } | undefined
}

const places = new Map<string, Place>()

answer(carryOut)

async function carryOut(order: Order): Promise<Told> {
  if (order.do === 'start') {
    const place = places.get(order.place) ?? (await start(order))
    places.set(order.place, place)
    return { times: [], port: place.port }
  }
  const place = places.get(order.place)
  if (!place) throw new Error(`${order.place} is not served`)
  if (order.do === 'publish') return { times: await publish(place, order) }
  await hear(place, order.count)
  return { times: [monotonic()] }
}

async function start({ server: name, page }: Order & { do: 'start' }): Promise<Place> {
  const script = await bundle(
    `import { open } from './peers/pages/${page}.ts'\nimport { offer } from './stage/page.ts'\noffer(open)`,
  )
  const server = createServer(pageServer(script))
  server.keepAliveTimeout = 60_000
  const publish = servers[name](server, {
    joined: client => client.send(client.carrier),
    heard() {
      place.heard++
      if (place.until && place.heard >= place.until.count) place.until.met()
    },
  })
  const place: Place = { port: await listen(server), publish, heard: 0 }
  return place
}

async function publish({ publish }: Place, { from, count, size, at }: Order & { do: 'publish' }) {
  const times: number[] = []
  const begun = monotonic()
  for (let sent = 0; sent < count; ) {
    const due = begun + times.length * at.every
    const wait = due - monotonic()
    await new Promise<void>(resolve => {
      if (wait > 0) setTimeout(resolve, wait)
      else setImmediate(resolve)
    })
    const end = Math.min(count, sent + at.once)
    times.push(monotonic())
    for (; sent < end; sent++) publish(`${from + sent} `.padEnd(size, 'x'))
  }
  return times
}

async function hear(place: Place, count: number): Promise<void> {
  if (place.heard < count) {
    await new Promise<void>(met => {
      place.until = { count, met }
    })
  }
  place.until = undefined
  place.heard = 0
}
