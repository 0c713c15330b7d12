/** The process of the servers: a page and a server for each contestant, and before it what each network puts there. */
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo, Server as TcpServer } from 'node:net'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { createBetween } from './box.ts'
import { type Contestant, contestants } from './contestants.ts'
import { networks } from './networks.ts'

/** The port of each contestant in each network. */
export type Ports = Record<string, Record<string, number>>

const ports: Ports = {}
for (const contestant of contestants) ports[contestant.name] = await open(contestant)
process.send?.(ports)
process.once('disconnect', () => process.exit())

async function open({ page, serve }: Contestant): Promise<Record<string, number>> {
  const server = createServer(pageServer(await bundle(page)))
  server.keepAliveTimeout = 60_000
  serve(server)
  const own = await listen(server)
  const doors: Record<string, number> = {}
  for (const network of networks) {
    const between = network.box || network.latency
    doors[network.name] = between ? await listen(createBetween(own, network)) : own
  }
  return doors
}

/** The two headers give the page a clock of 5 µs in place of one of 100 µs (High Resolution Time, "coarsen time"). */
function pageServer(script: string): RequestListener {
  const isolated = {
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Embedder-Policy': 'require-corp',
    'Cache-Control': 'no-store',
  }
  const page =
    '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script src="/page.js"></script>'
  return ({ url }, response) => {
    if (url === '/') response.writeHead(200, { 'Content-Type': 'text/html', ...isolated }).end(page)
    else if (url === '/page.js')
      response.writeHead(200, { 'Content-Type': 'text/javascript', ...isolated }).end(script)
    else if (!response.headersSent) response.writeHead(404).end()
  }
}

async function bundle(page: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`pages/${page}.ts`, import.meta.url))],
    bundle: true,
    minify: true,
    write: false,
    target: 'es2020',
    // As the script-tag build has it.
    ...(page.startsWith('throughline') && { banner: { js: '//# allFunctionsCalledOnLoad' } }),
    define: { global: 'globalThis' },
    logLevel: 'error',
  })
  return outputFiles[0]?.text ?? ''
}

async function listen(server: TcpServer): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as AddressInfo).port
}
