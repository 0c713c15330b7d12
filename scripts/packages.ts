/**
 * Looks into the packed package, installs it into the projects of e2e/packages, and builds and runs each: `npm run packages`. With `--all` also
 * those whose tools have to be fetched, all versions of TypeScript, and the first page of the docs, followed to the letter with each bundler;
 * `-- vite next start-Parcel` runs these three.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from '@playwright/test'
import { contents } from './packages/contents.ts'
import { launch, openPage, seeOn } from './packages/page.ts'
import { install, run, runProject, type Setting } from './packages/project.ts'
import { bundlers, runStart } from './packages/start.ts'

const usual = ['typescript', 'node', 'development']
/** The longest first, so that none of them is the last one to begin. */
const all = new Set([
  'typescript',
  'next',
  ...foldersIn('e2e/packages'),
  ...bundlers.map(name => `start-${name}`),
])
const root = mkdtempSync(join(tmpdir(), 'throughline-'))
/** What is wrong, told last: between these there are minutes of what works. */
const failures: string[] = []

try {
  await runAll(process.argv.slice(2))
} finally {
  rmSync(root, { recursive: true, force: true })
}
if (failures.length > 0) {
  console.error(`\n${failures.join('\n')}`)
  process.exitCode = 1
}

async function runAll(args: readonly string[]): Promise<void> {
  const isAll = args.includes('--all')
  const named = args.filter(name => name !== '--all')
  const unknown = named.filter(name => !all.has(name))
  if (unknown.length > 0) throw new Error(`${unknown} is none of ${[...all].join(', ')}`)

  const { tarball, files } = await pack()
  let launched: Promise<Browser> | undefined
  const browser = () => {
    launched ??= launch()
    return launched
  }
  const setting: Setting = {
    tarball,
    root,
    quick: !isAll && named.length === 0,
    open: async page => openPage(await browser(), page),
    see: async (...what) => seeOn(await browser(), ...what),
  }
  const look = () => lookInside(tarball, files)
  const projects = isAll ? [...all] : named.length > 0 ? named : usual
  const runOne = (name: string) => {
    const bundler = bundlers.find(each => name === `start-${each}`)
    return bundler ? runStart(bundler, setting) : runProject(name, setting)
  }
  await inTwos([look, ...projects.map(name => () => report(name, () => runOne(name)))])
  await (await launched)?.close()
}

async function pack(): Promise<{ tarball: string; files: string[] }> {
  const printed = await run('.', 'npm', ['pack', '--json', '--silent', '--pack-destination', root])
  const [{ filename, files }] = JSON.parse(printed) as [{ filename: string; files: { path: string }[] }]
  return { tarball: join(root, filename), files: files.map(({ path }) => path) }
}

async function lookInside(tarball: string, files: readonly string[]): Promise<void> {
  const project = join(root, 'contents')
  mkdirSync(project)
  // Some entries import these, and only who uses such an entry has them.
  await install(
    project,
    tarball,
    '@nats-io/jetstream',
    '@nats-io/transport-node',
    '@playwright/test',
    'react',
    'vue',
    'svelte',
  )
  const folder = join(project, 'node_modules', 'throughline')
  for (const [name, check] of Object.entries(contents))
    await report(name, async () => {
      const wrong = await check({ files, folder })
      if (wrong.length > 0) throw new Error(wrong.join('\n'))
    })
}

async function report(name: string, check: () => Promise<void>): Promise<void> {
  const started = Date.now()
  try {
    await check()
    console.log(`works  ${name}, ${((Date.now() - started) / 1000).toFixed(1)} s`)
  } catch (error) {
    console.error(`FAILS  ${name}`)
    failures.push(`FAILS  ${name}\n${(error as Error).message}`)
  }
}

/** As many at a time as the smallest machine has cores. */
async function inTwos(tasks: readonly (() => Promise<void>)[]): Promise<void> {
  const left = [...tasks]
  const work = async () => {
    for (let task = left.shift(); task; task = left.shift()) await task()
  }
  await Promise.all([work(), work()])
}

function foldersIn(path: string): string[] {
  const entries = readdirSync(path, { withFileTypes: true })
  return entries.filter(entry => entry.isDirectory()).map(({ name }) => name)
}
