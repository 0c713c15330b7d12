/** Runs examples/cloudflare as Cloudflare does: bundled, in workerd. */
import { readFile } from 'node:fs/promises'
import { builtinModules } from 'node:module'
import { resolve } from 'node:path'
import { build } from 'esbuild'
import { Miniflare } from 'miniflare'

const asText = {
  name: 'as-text',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /throughline\.min\.js$/ }, () => ({
      path: resolve('node_modules/throughline/dist/throughline.min.js'),
    }))
    onLoad({ filter: /throughline\.min\.js$/ }, async ({ path }) => ({
      contents: await readFile(path, 'utf8'),
      loader: 'text',
    }))
  },
}
await build({
  entryPoints: ['examples/cloudflare/worker.js'],
  outfile: 'examples/cloudflare/bundled.mjs',
  bundle: true,
  format: 'esm',
  conditions: ['workerd', 'worker', 'browser'],
  mainFields: ['browser', 'module', 'main'],
  external: ['cloudflare:*', 'node:*', ...builtinModules],
  loader: { '.html': 'text' },
  plugins: [asText],
  logLevel: 'error',
})
const platform = new Miniflare({
  modules: true,
  scriptPath: 'examples/cloudflare/bundled.mjs',
  compatibilityDate: '2026-07-01',
  compatibilityFlags: ['nodejs_compat'],
  durableObjects: { ROOM: { className: 'Room', useSQLite: true } },
  host: '127.0.0.1',
  port: Number(process.env.PORT),
})
console.log((await platform.ready).href)
