/** What a page pays for each entry, as measured, and the pages of the documentation that name it. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { type BuildOptions, build } from 'esbuild'
import { forPages, sourceOf } from './entries.ts'

/** All in bytes, minified. */
export interface Sizes {
  readonly min: number
  readonly gzip: number
  readonly brotli: number
}

const ofPlain = `export { plain } from './src/dialects/plain.ts'`

export const all = 'throughline (all five, native)'
export const core = 'throughline/core, WebSocket, native'

/** The module that a page would write, by the name its budget has. */
export const pages: Readonly<Record<string, string>> = {
  [all]: `export { connect } from './src/index.ts'`,
  [core]: `export { connect, native, websocket } from './src/core.ts'`,
  'throughline/core, WebSocket, plain': `export { connect, websocket } from './src/core.ts'\n${ofPlain}`,
  'throughline/core, XHR streaming, plain': `export { connect, xhrStreaming } from './src/core.ts'\n${ofPlain}`,
  'throughline/core, fetch streaming, plain': `export { connect } from './src/core.ts'\n${ofPlain}\nexport { fetchStreaming } from './src/transports/fetch-streaming.ts'`,
  ...Object.fromEntries(
    ['EventSource', 'WebSocket', 'SockJS', 'fetchEventSource'].map(name => [
      `throughline/drop-in, ${name} alone`,
      `export { ${name} } from './src/drop-in.ts'`,
    ]),
  ),
  'throughline/stream, alone': `export { stream } from './src/stream.ts'`,
}

/** What the dialects of other servers have in common: the outbox for servers that acknowledge nothing, and what tells replays. */
export const foreign = 'shared by dialects of other servers'
const withForeign = `${pages[all]}
export { createHandedOverOutbox } from './src/outbox/handed-over.ts'
export { createReplayFilter } from './src/dialects/replay-filter.ts'`

/** Each other entry for pages, by its name, as what it adds to another page: that with `throughline`, or with what all such dialects share. */
export const additions: Readonly<Record<string, { code: string; base: string }>> = {
  [foreign]: { code: withForeign, base: pages[all] as string },
  ...Object.fromEntries(
    Object.entries({
      react: 'useLine, useMessages',
      svelte: 'line, messages',
      vue: 'useLine, useMessages',
    }).map(([name, parts]) => [
      `throughline/${name}, ${parts.replace(',', ' and')}`,
      { code: `${pages[all]}\nexport { ${parts} } from './src/${name}.ts'`, base: pages[all] as string },
    ]),
  ),
  ...Object.fromEntries(
    forPages
      .filter(entry => entry !== 'index' && entry !== 'core')
      .map(entry => {
        const base = entry.startsWith('dialects/') ? withForeign : (pages[all] as string)
        return [`throughline/${entry}`, { code: `${base}\nexport * from './${sourceOf(entry)}'`, base }]
      }),
  ),
}

/** By the names of `pages` and `additions`. */
export async function measure(): Promise<Map<string, Sizes>> {
  const whole = Object.entries(pages).map(async ([name, code]) => [name, await sizesOf(code)] as const)
  const added = Object.entries(additions).map(
    async ([name, { code, base }]) => [name, minus(await sizesOf(code), await sizesOf(base))] as const,
  )
  return new Map(await Promise.all([...whole, ...added]))
}

/** Bundles and minifies the module that a page would write, as the published modules are made. `more`: what else esbuild is told. */
export function bundle(contents: string, more: BuildOptions = {}) {
  return build({
    stdin: { contents, resolveDir: '.' },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2020',
    tsconfigRaw: { compilerOptions: { useDefineForClassFields: false } },
    define: { DEV: 'false' },
    // What the page has already.
    external: ['react', 'vue'],
    ...more,
    write: false,
  })
}

async function sizesOf(contents: string): Promise<Sizes> {
  const { outputFiles } = await bundle(contents)
  return compress(outputFiles[0]?.contents ?? new Uint8Array())
}

export function compress(code: Uint8Array): Sizes {
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }
  return {
    min: code.length,
    gzip: gzipSync(code, { level: 9 }).length,
    brotli: brotliCompressSync(code, quality).length,
  }
}

export function minus(more: Sizes, less: Sizes): Sizes {
  return { min: more.min - less.min, gzip: more.gzip - less.gzip, brotli: more.brotli - less.brotli }
}

/** The sentences that name a size, and what has to stand in each. */
const sentences: { page: string; says: RegExp; size(sizes: Map<string, Sizes>): string }[] = [
  {
    page: 'README.md',
    says: /\S+(?= kB \(minified, brotli\) with all five transports)/,
    size: sizes => inKB(sizes, all),
  },
  {
    page: 'README.md',
    says: /(?<=each by a dialect of )\S+ to \S+(?= kB)/,
    size(sizes) {
      const dialects = [...sizes.keys()].filter(name => name.startsWith('throughline/dialects/'))
      const each = dialects.map(name => inKB(sizes, name)).sort((one, other) => Number(one) - Number(other))
      return `${each[0]} to ${each.at(-1)}`
    },
  },
]

/** The page that the benchmarks write is made of these figures. */
const benched = 'docs/benchmarks/size.json'

/** What the documentation says of sizes otherwise than it is, one line for each. */
export function staleFigures(sizes: Map<string, Sizes>): string[] {
  const wrong = sentences.flatMap(({ page, says, size }) => {
    const said = says.exec(readFileSync(page, 'utf8'))?.[0]
    return said === size(sizes) ? [] : [`${page} says ${said} kB where it is ${size(sizes)} kB`]
  })
  const { tables } = JSON.parse(readFileSync(benched, 'utf8')) as {
    tables: { rows: { who: string; kind: string; cells: (number | null)[] }[] }[]
  }
  for (const { who, kind, cells } of tables.flatMap(({ rows }) => rows)) {
    const is = sizes.get(who) && inKB(sizes, who)
    const said = cells[2]?.toFixed(1)
    if (kind === 'ours' && said !== is)
      wrong.push(`${benched} says ${said} kB for ${who}, where it is ${is} kB`)
  }
  for (const page of pagesWithoutFigures())
    if (/\d kB[^\n]{0,40}brotli/.test(readFileSync(page, 'utf8')))
      wrong.push(`${page} names a size, which only README.md and docs/benchmarks/ may`)
  return wrong
}

/** Decisions and notes tell what was measured at their time. */
function pagesWithoutFigures(): string[] {
  const docs = (readdirSync('docs', { recursive: true }) as string[]).map(path => `docs/${path}`)
  const others = docs.filter(path => path.endsWith('.md') && !/^docs\/(benchmarks|decisions)\//.test(path))
  return ['CONTRIBUTING.md', 'SECURITY.md', ...others]
}

/** Puts what is measured into the sentences. `npm run bench -- --only size` does it for the page of benchmarks. */
export function writeFigures(sizes: Map<string, Sizes>): void {
  for (const { page, says, size } of sentences)
    writeFileSync(page, readFileSync(page, 'utf8').replace(says, size(sizes)))
}

function inKB(sizes: Map<string, Sizes>, name: string): string {
  return ((sizes.get(name)?.brotli ?? 0) / 1_000).toFixed(1)
}
