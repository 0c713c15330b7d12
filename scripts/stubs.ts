/**
 * The folders by which resolvers find `throughline/core` and the like that do not read `exports`: Parcel's as it comes, webpack 4's,
 * linters'. They are there while a package is being packed: `write` and `remove`. The server's readers all know `exports`.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { forPages } from './entries.ts'

for (const entry of forPages.filter(name => name !== 'index')) {
  if (process.argv[2] === 'write') write(entry)
  else rmSync(entry.split('/')[0] as string, { recursive: true, force: true })
}

function write(path: string): void {
  const target = `${path.replace(/[^/]+/g, '..')}/dist/${path}`
  const stub = { main: `${target}.cjs`, module: `${target}.js`, types: `${target}.d.cts`, sideEffects: false }
  mkdirSync(path, { recursive: true })
  writeFileSync(`${path}/package.json`, `${JSON.stringify(stub, null, 2)}\n`)
}
