/**
 * What a page pays for each: `npm run bench -- --only size`.
 *
 * Method. The module that a page would write is bundled, minified (esbuild, ES2020) and compressed (brotli, quality 11; gzip 9).
 * Peers are imported as their packages offer themselves to a browser's bundler. Ours are bundled by rollup as well, and minified
 * as before: two bundlers that agree have not left out anything by accident. A dialect is what it adds to a page that has
 * `throughline` and what all dialects of other servers share. kB are 1,000 bytes. `npm run size` holds ours to the budgets in size-budgets.json, and fails where the figures that
 * are kept of this differ from what it measures; the bars here are those that the project has set itself.
 */
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { build, transform } from 'esbuild'
import { rollup } from 'rollup'
import esbuild from 'rollup-plugin-esbuild'
import { additions, all, compress, core, minus, pages, type Sizes } from '../../scripts/sizes.ts'
import type { Effort } from '../question.ts'
import { atMost, type Bar, type Found, question, type Row } from '../report/findings.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const target = 'es2020'
// As the published modules are made.
const tsconfigRaw = { compilerOptions: { useDefineForClassFields: false } }

const dialects = Object.entries(additions).filter(([name]) => name.includes('dialects'))

/** What the project has set itself, in kB: for its pages, the others are as a plain server's, and for a dialect. */
const limits: Record<string, number> = {
  [all]: 9.5,
  [core]: 4.5,
  'throughline/stream, alone': 3.5,
  'throughline/drop-in, EventSource alone': 4.5,
  'throughline/drop-in, WebSocket alone': 4.5,
}
/** As large as what it brings along. */
const unlimited = ['throughline/drop-in, SockJS alone', 'throughline/drop-in, fetchEventSource alone']

const peers: Record<string, string> = {
  'reconnecting-websocket': `export { default } from 'reconnecting-websocket'`,
  'eventsource-parser': `export { createParser } from 'eventsource-parser'`,
  phoenix: `export { Socket } from 'phoenix'`,
  'engine.io-client': `export { Socket } from 'engine.io-client'`,
  'socket.io-client': `export { io } from 'socket.io-client'`,
  SignalR: `export { HubConnectionBuilder } from '@microsoft/signalr'`,
  'sockjs-client': `export { default } from 'sockjs-client'`,
  'pusher-js': `export { default } from 'pusher-js'`,
  centrifuge: `export { Centrifuge } from 'centrifuge'`,
}

export const size = question(
  { name: 'size', title: 'Size', intro: 'Minified and compressed, in kB of 1,000 bytes.' },
  find,
)

async function find({ part }: Effort): Promise<Found> {
  const rows: Row[] = []
  for (const [name, code] of named(peers, part))
    rows.push(rowOf(name, 'peer', compress(await byEsbuild(code))))
  const bars: Bar[] = []
  for (const [name, code] of named(pages, part)) {
    const { first, second } = await bothSizes(code)
    rows.push(rowOf(name, 'ours', first, second))
    const apart = Math.abs(first.brotli / second.brotli - 1) * 100
    if (!unlimited.includes(name)) bars.push(barOf(name, limits[name] ?? 4, first, second))
    bars.push(atMost(`${name}: esbuild and rollup agree within 2 %`, apart, 2, '%'))
  }
  for (const [name, { code, base }] of dialects.filter(([name]) => name.includes(part))) {
    const [more, less] = [await bothSizes(code), await bothSizes(base)]
    const [one, other] = [minus(more.first, less.first), minus(more.second, less.second)]
    rows.push(rowOf(name, 'ours', one, other))
    bars.push(barOf(name, 1, one, other))
  }
  rows.sort((a, b) => (a.cells[2] ?? 0) - (b.cells[2] ?? 0))
  return {
    machine: { cores: cpus().length, node: process.version, browser: '' },
    rounds: 1,
    tables: [
      {
        name: 'size',
        title: 'Min + brotli',
        what: 'A dialect is what it adds, beside what all of other servers share.',
        columns: [
          { name: 'min, kB', digits: 1 },
          { name: 'gzip, kB', digits: 1 },
          { name: 'brotli, kB', digits: 2 },
          { name: 'brotli by rollup, kB', digits: 2 },
        ],
        rows,
        chart: { of: 2, title: 'kB to download (min + brotli)', from: 0.1, to: 100 },
      },
    ],
    bars,
  }
}

function named(pages: Record<string, string>, part: string): [string, string][] {
  return Object.entries(pages).filter(([name]) => name.includes(part))
}

function barOf(name: string, limit: number, one: Sizes, other: Sizes): Bar {
  return atMost(`${name} ≤ ${limit} kB`, Math.max(one.brotli, other.brotli) / 1_000, limit, 'kB')
}

async function bothSizes(code: string): Promise<{ first: Sizes; second: Sizes }> {
  return { first: compress(await byEsbuild(code)), second: compress(await byRollup(code)) }
}

async function byEsbuild(contents: string): Promise<Uint8Array> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: root },
    bundle: true,
    minify: true,
    format: 'esm',
    target,
    tsconfigRaw,
    define: { global: 'globalThis', DEV: 'false' },
    logLevel: 'error',
    write: false,
  })
  return outputFiles[0]?.contents ?? new Uint8Array()
}

async function byRollup(code: string): Promise<Uint8Array> {
  const entry = `${root}page-of-the-size-question.ts`
  const bundle = await rollup({
    input: entry,
    // As package.json says.
    treeshake: { moduleSideEffects: false },
    plugins: [
      {
        name: 'entry',
        resolveId: id => (id === entry ? id : null),
        load: id => (id === entry ? code : null),
      },
      esbuild({ target, tsconfig: false, tsconfigRaw, define: { DEV: 'false' } }),
    ],
  })
  const { output } = await bundle.generate({ format: 'es' })
  const small = await transform(output[0].code, { minify: true, target, format: 'esm' })
  return new TextEncoder().encode(small.code)
}

function rowOf(who: string, kind: Row['kind'], { min, gzip, brotli }: Sizes, rolled?: Sizes): Row {
  const cells = [min, gzip, brotli, rolled?.brotli].map(size => (size === undefined ? null : size / 1_000))
  return { who, kind, cells }
}
