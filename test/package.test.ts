/** What installing the project, or building it, brings in from elsewhere. `npm run packages` checks what it gives out. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

interface Entry {
  version: string
  resolved?: string
  integrity?: string
  link?: boolean
}

const lock = read('package-lock.json') as { packages: Record<string, Entry> }
const entries = Object.entries(lock.packages).filter(([path]) => path !== '')

/** What the lock cannot have a hash of, and why: nothing. Dependencies by a git or file address would be. */
const withoutHash: Record<string, string> = {}

/** The least version of each dependency without a published advisory. */
const sound = { ws: '8.23.0' }

describe('package-lock.json', () => {
  it('has the hash of each package, be it for another machine', () => {
    const bare = entries.filter(([path, { integrity }]) => !(path in withoutHash) && !isHash(integrity))
    expect(
      bare.map(([path]) => path),
      'run `tsx scripts/integrity.ts`',
    ).toEqual([])
  })

  it('names no host, so that each machine asks the registry it is told to ask', () => {
    expect(entries.filter(([, { resolved }]) => resolved !== undefined)).toEqual([])
    expect(readFileSync('package-lock.json', 'utf8')).not.toMatch(/"(?:git\+)?(?:https?|ssh|file):[^"]*\.tgz/)
    expect(readFileSync('.npmrc', 'utf8')).not.toMatch(/registry=|_auth|\/\/.*:/)
  })

  it('takes nothing from a folder or an address', () => {
    expect(entries.filter(([, { link, version }]) => link || !/^\d+\.\d+\.\d+/.test(version ?? ''))).toEqual(
      [],
    )
  })

  it('holds what package.json asks for', () => {
    const { dependencies, devDependencies, peerDependencies } = read('package.json') as Record<string, object>
    expect(lock.packages['']).toMatchObject({ dependencies, devDependencies, peerDependencies })
  })
})

describe('the dependencies of who installs the package', () => {
  const { dependencies } = read('package.json') as { dependencies: Record<string, string> }

  it('are those few whose advisories are known', () => {
    expect(Object.keys(dependencies)).toEqual(Object.keys(sound))
  })

  it.each(Object.entries(sound))('cannot be a %s below %s', (name, least) => {
    expect(dependencies[name]).toMatch(/^\^/)
    for (const version of [dependencies[name]?.slice(1), lock.packages[`node_modules/${name}`]?.version])
      expect(isAtLeast(version ?? '', least), `${name} ${version}`).toBe(true)
  })
})

it('nothing is run on the machine of who installs the package', () => {
  const { scripts } = read('package.json') as { scripts: Record<string, string> }
  const run = ['preinstall', 'install', 'postinstall', 'prepare', 'prepublish']
  expect(run.filter(name => name in scripts)).toEqual([])
})

function isHash(integrity: string | undefined): boolean {
  return /^sha512-[\w+/]{86}==$/.test(integrity ?? '')
}

function isAtLeast(version: string, least: string): boolean {
  return version.localeCompare(least, 'en', { numeric: true }) >= 0
}

function read(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'))
}
