/**
 * Installs what the browser tests need and this machine lacks: Debian's packages where that is possible,
 * Playwright's own browsers elsewhere. A second run finds everything in place and does nothing.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { downloaded, missingEngines } from '../e2e/fixtures/engines.ts'

/** The services among the optional ones are for the tests to start, each with a configuration of its own; of prometheus they use promtool alone. */
const services = ['nginx', 'haproxy', 'redis-server', 'nats-server', 'prometheus']
const optionalPackages = [...services, 'libnginx-mod-nchan', 'php-cli', 'fonts-noto-cjk']
/** A service that Debian has from version 13 on. */
const newer = 'valkey-server'
/** What not every Debian has. Without the shell, tests take the whole of Chromium. */
const offeredBySome = [newer, 'chromium-headless-shell']

setUp()

function setUp(): void {
  if (onDebianAsRoot()) installPackages()
  if (missingEngines().length > 0) run('npx', ['playwright', 'install', '--with-deps', ...missingEngines()])
  if (missingEngines().length > 0) explain()
  else console.log('The browsers are in place: Chromium, Firefox, WebKit.')
}

function onDebianAsRoot(): boolean {
  return existsSync('/usr/bin/apt-get') && process.getuid?.() === 0
}

function installPackages(): void {
  const required = browserPackages().filter(isMissing)
  const optional = optionalPackages.filter(isMissing)
  const isWanted = (name: string) => isMissing(name) && isOffered(name)
  if (required.length + optional.length === 0 && !offeredBySome.some(isWanted)) return

  const update = () => run('apt-get', ['update', '-o', 'APT::Update::Error-Mode=any'])
  update() || update()
  optional.push(...offeredBySome.filter(isWanted))
  withoutStartingServices(() => {
    if (required.length > 0) install(required)
    const left = optional.filter(name => !install([name]))
    if (left.length > 0)
      console.warn(`Not installed: ${left.join(', ')}. Tests that need one of these are skipped.`)
  })
  for (const service of [...services, newer])
    if (optional.includes(service)) run('update-rc.d', [service, 'disable'])
}

function browserPackages(): string[] {
  return [
    ...(downloaded('chromium') ? [] : ['chromium']),
    ...(downloaded('firefox') ? [] : ['firefox-esr']),
    ...(downloaded('webkit') ? [] : ['webkit2gtk-driver', 'xvfb']),
  ]
}

function isMissing(name: string): boolean {
  const { stdout } = spawnSync('dpkg', ['--status', name], { encoding: 'utf8' })
  return !stdout.includes('Status: install ok installed')
}

function isOffered(name: string): boolean {
  return spawnSync('apt-cache', ['show', name], { stdio: 'ignore' }).status === 0
}

function install(names: string[]): boolean {
  const patient = ['-o', 'DPkg::Lock::Timeout=300']
  return run('apt-get', ['install', '-y', '--no-install-recommends', ...patient, ...names])
}

/** Debian starts a service as it installs it, unless this file says otherwise (exit code 101: forbidden). */
function withoutStartingServices(act: () => void): void {
  const policy = '/usr/sbin/policy-rc.d'
  const ours = !existsSync(policy)
  if (ours) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    act()
  } finally {
    if (ours) rmSync(policy)
  }
}

function run(command: string, args: string[]): boolean {
  console.log(`$ ${command} ${args.join(' ')}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  return spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'], env }).status === 0
}

function explain(): void {
  console.error(`
No browser was found or installed for: ${missingEngines().join(', ')}.
On Debian or Ubuntu, run this once as root:   npm run setup
Anywhere else, install Playwright's browsers: npx playwright install --with-deps
`)
  process.exitCode = 1
}
