/**
 * The folders by which resolvers find `throughline/core` and the like that do not read `exports`: Parcel's as it comes, webpack 4's,
 * linters'. They are there while a package is being packed: `write` and `remove`. The server's readers all know `exports`.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as { exports: Record<string, unknown> }
const paths = Object.keys(manifest.exports).filter(
  path => path !== '.' && path !== './server' && path !== './package.json',
)

for (const path of paths) {
  if (process.argv[2] === 'write') write(path.slice(2))
  else rmSync(path.split('/').slice(0, 2).join('/'), { recursive: true, force: true })
}

function write(path: string): void {
  const target = `${path.replace(/[^/]+/g, '..')}/dist/${path}`
  const stub = { main: `${target}.cjs`, module: `${target}.js`, types: `${target}.d.cts`, sideEffects: false }
  mkdirSync(path, { recursive: true })
  writeFileSync(`${path}/package.json`, `${JSON.stringify(stub, null, 2)}\n`)
}
