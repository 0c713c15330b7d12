import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname, join, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fileURLToPath } from 'node:url'

const pages = fileURLToPath(new URL('public', import.meta.url))
const project = fileURLToPath(new URL('..', import.meta.url))
const built = fileURLToPath(new URL('../dist', import.meta.url))

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.map': 'application/json',
  '.svg': 'image/svg+xml',
  '.md': 'text/plain; charset=utf-8',
}

/** Nothing from elsewhere, no inline scripts: what the SDK has to live with on a careful site. */
const headers = {
  'Cache-Control': 'no-cache',
  'Content-Security-Policy':
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
}

/** Answers with a page of the demo, or with a file of the build. */
export async function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  pathname: string,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(response, 405, 'Only GET and HEAD')
  const path = locate(pathname)
  const found = path === undefined ? undefined : await stat(path).catch(() => undefined)
  if (!path || !found?.isFile()) return refuse(response, 404, `There is no ${pathname} here`)
  const type = types[extname(path)] ?? 'application/octet-stream'
  response.writeHead(200, { ...headers, 'Content-Type': type, 'Content-Length': found.size })
  if (request.method === 'HEAD') return void response.end()
  // Who leaves in the middle of a file is no news.
  await pipeline(createReadStream(path), response).catch(() => {})
}

/** `/throughline.js` is the build for script tags, `/throughline/` holds the ES modules, `/README.md` and `/docs/` what there is to read; all else is a page. */
function locate(pathname: string): string | undefined {
  if (/^\/throughline(\.min)?\.js(\.map)?$/.test(pathname)) return join(built, pathname)
  if (pathname.startsWith('/throughline/')) return within(built, pathname.slice('/throughline'.length))
  if (pathname === '/README.md') return join(project, pathname)
  if (pathname.startsWith('/docs/')) return within(join(project, 'docs'), pathname.slice('/docs'.length))
  return within(pages, pathname.endsWith('/') ? `${pathname}index.html` : pathname)
}

function within(folder: string, pathname: string): string | undefined {
  const path = join(folder, pathname)
  return path.startsWith(folder + sep) ? path : undefined
}

function refuse(response: ServerResponse, status: number, why: string): void {
  response.writeHead(status, {
    'Content-Type': 'text/plain; charset=utf-8',
    'X-Content-Type-Options': 'nosniff',
  })
  response.end(`${why}\n`)
}
