import { once } from 'node:events'
import type { RequestListener } from 'node:http'
import type { AddressInfo, Server } from 'node:net'

/** The two headers give the page a clock of 5 µs in place of one of 100 µs (High Resolution Time, "coarsen time"). */
const isolated = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'Cache-Control': 'no-store',
}

const page =
  '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script src="/page.js"></script>'

/** A page that does nothing but run this script. */
export function pageServer(script: string): RequestListener {
  return ({ url }, response) => {
    if (url === '/') response.writeHead(200, { 'Content-Type': 'text/html', ...isolated }).end(page)
    else if (url === '/page.js')
      response.writeHead(200, { 'Content-Type': 'text/javascript', ...isolated }).end(script)
    else if (!response.headersSent) response.writeHead(404).end()
  }
}

export async function listen(server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as AddressInfo).port
}
