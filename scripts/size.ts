/** What a page pays: each entry bundled, minified and compressed, beside the budget it must keep. */
import { readFileSync } from 'node:fs'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as { exports: Record<string, unknown> }
const budgets = JSON.parse(readFileSync('size-budgets.json', 'utf8')) as Record<string, number>

const all = `export { connect } from './src/index.ts'`
const core = `export { connect, native, websocket } from './src/core.ts'`
const ofPlain = `export { plain } from './src/dialects/plain.ts'`

/** The module that a page would write, by the name its budget has. */
const pages: Record<string, string> = {
  'throughline (all five, native)': all,
  'throughline/core, WebSocket, native': core,
  'throughline/core, WebSocket, plain': `export { connect, websocket } from './src/core.ts'\n${ofPlain}`,
  'throughline/core, XHR streaming, plain': `export { connect, xhrStreaming } from './src/core.ts'\n${ofPlain}`,
  'throughline/core, fetch streaming, plain': `export { connect } from './src/core.ts'\n${ofPlain}\nexport { fetchStreaming } from './src/transports/fetch-streaming.ts'`,
}

const whole = await Promise.all(Object.entries(pages).map(measure))
const rows = [...whole, ...(await Promise.all(publishedParts().map(measureAdded)))]
console.table(Object.fromEntries(rows.map(({ name, ...sizes }) => [name, sizes])))

for (const { name, brotli, budget } of rows) {
  if (budget === undefined) fail(`${name} has no budget in size-budgets.json`)
  else if (brotli > budget)
    fail(`${name} is ${brotli} bytes (brotli), ${brotli - budget} over its budget of ${budget}`)
}

function publishedParts(): string[] {
  return Object.keys(manifest.exports)
    .filter(path => !['.', './core', './server', './package.json'].includes(path))
    .map(path => path.slice(2))
}

async function measure([name, contents]: [string, string]) {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: '.' },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2020',
    // As the build has it.
    tsconfigRaw: { compilerOptions: { useDefineForClassFields: false } },
    define: { DEV: 'false' },
    write: false,
  })
  const code = outputFiles[0]?.contents ?? new Uint8Array()
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }
  const brotli = brotliCompressSync(code, quality).length
  return { name, min: code.length, gzip: gzipSync(code, { level: 9 }).length, brotli, budget: budgets[name] }
}

/** What another module adds to `throughline`, which it shares much with. */
async function measureAdded(path: string) {
  const name = `throughline/${path}`
  const [bare, more] = await Promise.all([
    measure([name, all]),
    measure([name, `${all}\nexport * from './src/${path}.ts'`]),
  ])
  const added = (key: 'min' | 'gzip' | 'brotli') => more[key] - bare[key]
  return { ...more, min: added('min'), gzip: added('gzip'), brotli: added('brotli') }
}

function fail(message: string): void {
  console.error(message)
  process.exitCode = 1
}
