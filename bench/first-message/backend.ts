/** The process of the servers: a page and a server for each contestant, and before it what each network puts there. */
import { createServer } from 'node:http'
import { bundle } from '../stage/bundle.ts'
import { answer } from '../stage/child.ts'
import { listen, pageServer } from '../stage/pages.ts'
import { createBetween } from './box.ts'
import { type Contestant, contestants } from './contestants.ts'
import { networks } from './networks.ts'

/** The port of each contestant in each network. */
export type Ports = Record<string, Record<string, number>>

answer(async (): Promise<Ports> => {
  const ports: Ports = {}
  for (const contestant of contestants) ports[contestant.name] = await open(contestant)
  return ports
})

async function open({ page, serve }: Contestant): Promise<Record<string, number>> {
  const script = await bundle(
    `import { open } from './${page}'\nimport { offer } from './first-message/pages/measure.ts'\noffer(open)`,
  )
  const server = createServer(pageServer(script))
  server.keepAliveTimeout = 60_000
  // Each client is told something as soon as it is there: what carries it.
  serve(server, { joined: client => client.send(client.carrier) })
  const own = await listen(server)
  const doors: Record<string, number> = {}
  for (const network of networks) {
    const between = network.box || network.latency
    doors[network.name] = between ? await listen(createBetween(own, network)) : own
  }
  return doors
}
