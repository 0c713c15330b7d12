/**
 * What each part of a page's code costs: the page is built once whole and once without each part, whose exports then do nothing, and the
 * difference is told (min + brotli). What two parts share is counted for neither, so the figures do not add up to the whole.
 *
 * `npm run size:parts` prints the table of docs/size.md; with `--write` it puts it there.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, posix, relative, sep } from 'node:path'
import type { Plugin } from 'esbuild'
import { bundle, compress } from './sizes.ts'

const page = 'docs/size.md'

const pages: Record<string, string> = {
  'all five': `export { connect } from './src/index.ts'`,
  'core, WebSocket': `export { connect, native, websocket } from './src/core.ts'`,
  'core, WebSocket, topics': `export { connect, native, subscriptions, websocket } from './src/core.ts'`,
}

/** Each part by the files that are there for nothing else. */
const parts: [string, RegExp][] = [
  ['the race: candidates, fallback, proof of flow, upgrades, flapping, what was learned', /^race\//],
  ['proof that a channel flows by itself, asked while it is quiet', /^race\/flow-check/],
  ['what was learned, kept over pages, and how often WebSocket may fail', /^race\/(preference|learned)/],
  ['one watched transport', /^attempt\/single/],
  ['why a browser was refused: one plain request asks', /^attempt\/(status-probe|conclusion)/],
  [
    'the life of a line: its channels, reconnecting, its session',
    /^connection\/(connection|channel|prepare)/,
  ],
  ['the heartbeat: pings, and what tells a dead line from a quiet one', /^connection\/(heartbeat|liveness)/],
  ['what is sent last when a line or its page ends', /^connection\/(goodbye|post)/],
  ['its states', /^connection\/state/],
  ['position, resume and what came twice', /^connection\/position/],
  ['the outbox: numbers, acknowledgements, doubt', /^outbox\//],
  ['topics that come and go, each with a position', /^subscriptions\//],
  ['who is in a topic', /^subscriptions\/crowd/],
  ['lines that share a connection', /^connection\/sharing/],
  ['the page put aside, hidden, loaded anew', /^connection\/page-lifecycle|^setup\/reload/],
  ['tokens and tickets', /^connection\/token|^transports\/http\/ticket|^dialects\/exchange/],
  ['a query that is too long for an address', /^dialects\/long-query/],
  ['the object with handlers and events', /^connection\/(line|events|sending|send-options)/],
  ['what options mean', /^setup\/(target|pairs|options|choose|address|event-names)/],
  ['the native dialect', /^dialects\/native/],
  ['the parser of blocks', /^wire\/parser/],
  ['bytes and what text cannot hold', /^wire\/payload/],
  ['text and bytes of values', /^wire\/codec/],
  ['WebSocket', /^transports\/websocket/],
  ['EventSource', /^transports\/eventsource/],
  ['XHR streaming', /^transports\/xhr-streaming/],
  ['long polling', /^transports\/long-polling/],
  ['JSONP', /^transports\/jsonp/],
  ['requests by XMLHttpRequest', /^transports\/http\/xhr-request/],
  ['requests by fetch, for service workers', /^transports\/http\/fetch-request/],
  ['sends by POST', /^transports\/http\/post/],
  ['the pace of polls', /^transports\/http\/poll-pacing/],
]

const rows = await Promise.all(
  Object.entries(pages).map(async ([name, contents]) => {
    const { size, files } = await measure(contents)
    const without = await Promise.all(parts.map(([, part]) => measure(contents, withoutFiles(part, files))))
    return { name, whole: size, costs: without.map(rest => size - rest.size) }
  }),
)
const table = [
  `| | ${rows.map(({ name }) => name).join(' | ')} |`,
  `|---|${rows.map(() => '--:|').join('')}`,
  `| whole, in bytes | ${rows.map(({ whole }) => whole).join(' | ')} |`,
  ...parts.map(
    ([name], i) => `| ${name} | ${rows.map(({ costs }) => (costs[i] as number) || '–').join(' | ')} |`,
  ),
].join('\n')

console.log(table)
if (process.argv.includes('--write')) {
  const text = readFileSync(page, 'utf8')
  writeFileSync(page, text.replace(/\| \| all five[\s\S]*?(?=\n\n|$)/, table))
}

/** How large a page is, and which files are in it. */
async function measure(contents: string, without?: Plugin): Promise<{ size: number; files: Set<string> }> {
  const { outputFiles, metafile } = await bundle(contents, {
    plugins: without ? [without] : [],
    metafile: true,
  })
  const size = compress(outputFiles?.[0]?.contents ?? new Uint8Array()).brotli
  const inputs = Object.values(metafile?.outputs ?? {}).flatMap(output => Object.entries(output.inputs))
  return {
    size,
    files: new Set(inputs.filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([file]) => file)),
  }
}

/** Puts files in the place of others that export the same names, which do nothing. `present`: the files of the whole page. */
function withoutFiles(part: RegExp, present: Set<string>): Plugin {
  return {
    name: 'without',
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const file = relative('src', path).split(sep).join('/')
        if (!part.test(file)) return undefined
        const text = readFileSync(path, 'utf8')
        const names = [...text.matchAll(/^export (?:async )?(?:function|const|class) (\w+)/gm)].map(
          ([, name]) => name,
        )
        const { imports, used } = importsOf(text, source =>
          present.has(posix.join('src', dirname(file), source)),
        )
        // What it imports stays, as if it did all that it does with less.
        return {
          contents: `${imports}\n${names.map(name => `export const ${name} = () => [${used}]`).join('\n')}`,
          loader: 'ts',
        }
      })
    },
  }
}

/** The import statements of a module that are of files that are present, and the values that they name. */
function importsOf(text: string, isPresent: (source: string) => boolean): { imports: string; used: string } {
  const statements = [...text.matchAll(/^import (?!type)\{([^}]*)\} from '([^']*)'$/gm)].filter(
    ([, , source = '']) => isPresent(source),
  )
  const names = statements.flatMap(([, list = '']) =>
    list
      .split(',')
      .map(name => name.trim())
      .filter(name => name && !name.startsWith('type '))
      .map(name => name.replace(/^\w+ as /, '')),
  )
  return { imports: statements.map(([statement]) => statement).join('\n'), used: names.join(', ') }
}
