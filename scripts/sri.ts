/**
 * Prints the hash of each file for a script tag, to be given as its `integrity`: `npm run sri`, after `npm run build`. With `--write` they
 * are put into the README.
 */
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'

/** What a page loads by a tag. */
export const scripts = [
  'throughline.min.js',
  'throughline.js',
  'throughline-drop-in.min.js',
  'throughline.legacy.js',
]

/** By the name of each file in this folder. */
export function hashesIn(folder: string): Record<string, string> {
  return Object.fromEntries(scripts.map(name => [name, hashOf(readFileSync(`${folder}/${name}`))]))
}

/** What the text says that the hashes are. */
export function hashesSaid(readme: string): Record<string, string> {
  return Object.fromEntries([...readme.matchAll(row)].map(([, name, hash]) => [name, hash]))
}

/** A row of the README's table. */
const row = /^\| `(throughline[\w.-]*\.js)` \| `(sha384-[^`]*)` \|$/gm

function hashOf(bytes: Uint8Array): string {
  return `sha384-${createHash('sha384').update(bytes).digest('base64')}`
}

if (process.argv[1]?.endsWith('sri.ts')) {
  const hashes = hashesIn('dist')
  for (const [name, hash] of Object.entries(hashes)) console.log(`${hash}  ${name}`)
  if (process.argv.includes('--write')) write(hashes)
}

function write(hashes: Record<string, string>): void {
  const readme = readFileSync('README.md', 'utf8')
  const said = readme.replace(row, (_, name: string) => `| \`${name}\` | \`${hashes[name]}\` |`)
  writeFileSync('README.md', said)
}
