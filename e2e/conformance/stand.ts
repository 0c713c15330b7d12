import { readFile } from 'node:fs/promises'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { buildSync } from 'esbuild'
import { type Site, startSite } from '../fixtures/site.ts'

/** What a server of event streams answers to one request. */
export interface Answer {
  /** @default 200 */
  status?: number
  /** The Content-Type; `null` sends none. @default 'text/event-stream' */
  type?: string | null
  headers?: Record<string, string | string[]>
  /** In pieces that go out one after the other, a moment apart. */
  body?: string | Uint8Array | (string | Uint8Array)[]
  /** What follows the body. @default 'end' */
  after?: 'end' | 'hold' | 'cut'
}

/** A request as the server saw it. */
export interface Asked {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** An address of the stand's and what was asked of it. */
export interface Place {
  readonly path: string
  readonly url: string
  /** Preflights aside. */
  readonly asked: Asked[]
  readonly preflights: Asked[]
  /** How many of its answers were ended by whoever asked. */
  closed: number
}

/** Which pages of other origins may read: none, any, any with their cookies, any with all headers or one of them, or one by name. */
export type Sharing = 'none' | 'any' | 'credentials' | 'headers' | { allows: string } | { only: string }

export type Script = readonly Answer[] | ((asked: Asked, turn: number) => Answer)

/** A web server that plays scripts, for pages of its own origin and, from a second one, for those of another. */
export interface Stand extends AsyncDisposable {
  readonly site: Site
  readonly page: string
  /** Answers by the script, one answer a request; the last one is repeated. */
  serve(script: Script): Place
  /** The same from another origin. */
  serveAway(script: Script, sharing?: Sharing): Place
}

export async function startStand(): Promise<Stand> {
  const [site, away] = await Promise.all([startSite(), startSite()])
  for (const [file, type] of files) {
    const path = fileURLToPath(new URL(file, import.meta.url))
    site.route(`/conformance/${file}`, async (_, response) => {
      response.writeHead(200, { 'Content-Type': `${type}; charset=utf-8` }).end(await readFile(path))
    })
  }
  site.route('/conformance/drop-in.js', (_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/javascript; charset=utf-8' }).end(dropIn())
  })
  let places = 0
  return {
    site,
    page: `${site.url}/conformance/recorder.html`,
    serve: script => serve(site, `/conformance/es/${places++}`, script, 'none'),
    serveAway: (script, sharing = 'any') => serve(away, `/es/${places++}`, script, sharing),
    async [Symbol.asyncDispose]() {
      await Promise.all([site.close(), away.close()])
    },
  }
}

let bundled: string | undefined

/** `DropIn` for a script tag and for workers that know no modules. */
function dropIn(): string {
  const options = {
    bundle: true,
    format: 'iife',
    globalName: 'DropIn',
    write: false,
    logLevel: 'error',
  } as const
  bundled ??= buildSync({ entryPoints: ['dist/drop-in.js'], ...options }).outputFiles[0]?.text
  return bundled ?? ''
}

const files = [
  ['recorder.html', 'text/html'],
  ['recorder.js', 'text/javascript'],
  ['worker.js', 'text/javascript'],
] as const

function serve(site: Site, path: string, script: Script, sharing: Sharing): Place {
  const place = {
    path,
    url: `${site.url}${path}`,
    asked: [] as Asked[],
    preflights: [] as Asked[],
    closed: 0,
  }
  site.route(path, async (request, response) => {
    if (request.headers.upgrade) return void response.writeHead(426).end()
    const asked = await read(request)
    for (const [name, value] of allowances(sharing, asked)) response.setHeader(name, value)
    if (asked.method === 'OPTIONS') {
      place.preflights.push(asked)
      return void response.writeHead(204).end()
    }
    const turn = place.asked.push(asked) - 1
    response.on('close', () => {
      if (!response.writableEnded) place.closed++
    })
    const answer = typeof script === 'function' ? script(asked, turn) : (script[turn] ?? script.at(-1))
    await play(answer ?? {}, response)
  })
  return place
}

async function read(request: IncomingMessage): Promise<Asked> {
  const pieces: Buffer[] = []
  for await (const piece of request) pieces.push(piece)
  const { method = '', url = '', headers } = request
  return { method, url, headers, body: Buffer.concat(pieces).toString() }
}

/** The headers by which a server shares its answers with pages of other origins. */
function allowances(sharing: Sharing, { headers }: Asked): [string, string][] {
  if (sharing === 'none') return []
  if (typeof sharing === 'object' && 'only' in sharing) return [['Access-Control-Allow-Origin', sharing.only]]
  const granted: [string, string][] = [['Access-Control-Allow-Origin', headers.origin ?? '*']]
  if (sharing === 'credentials') granted.push(['Access-Control-Allow-Credentials', 'true'])
  if (typeof sharing === 'object') granted.push(['Access-Control-Allow-Headers', sharing.allows])
  const wanted = headers['access-control-request-headers']
  if (sharing === 'headers' && wanted) granted.push(['Access-Control-Allow-Headers', wanted])
  return granted
}

async function play(answer: Answer, response: ServerResponse): Promise<void> {
  const { status = 200, type = 'text/event-stream', headers = {}, body = '', after = 'end' } = answer
  // It has no content (RFC 9110, 15.3.6): a browser would take the end of an empty one for the beginning of the next answer.
  if (status === 205) response.setHeader('Content-Length', 0)
  response.writeHead(status, { ...(type !== null && { 'Content-Type': type }), ...headers })
  response.flushHeaders()
  for (const piece of [body].flat()) {
    if (piece.length > 0) response.write(piece)
    if (Array.isArray(body)) await sleep(30)
  }
  if (after === 'end') response.end()
  // A moment for the body to arrive: a reset may overtake it.
  else if (after === 'cut') setTimeout(() => response.socket?.resetAndDestroy(), 300)
}
