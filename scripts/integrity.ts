/**
 * Writes the hash of each package that `package-lock.json` names without one: npm leaves it out for builds of other machines, which it
 * never fetched. Run it by hand after a change of dependencies: `tsx scripts/integrity.ts`.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'

interface Entry {
  version: string
  integrity?: string
  link?: boolean
}

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, Entry> }

for (const [path, entry] of Object.entries(lock.packages)) {
  if (path === '' || entry.link || entry.integrity) continue
  const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
  const { version, ...more } = entry
  lock.packages[path] = { version, integrity: integrityOf(`${name}@${version}`), ...more }
}
writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`)

function integrityOf(release: string): string {
  const integrity = execFileSync('npm', ['view', release, 'dist.integrity'], { encoding: 'utf8' }).trim()
  if (!/^sha512-/.test(integrity))
    throw new Error(`The registry knows no sha512 for ${release}: "${integrity}"`)
  console.log(`${release}  ${integrity}`)
  return integrity
}
