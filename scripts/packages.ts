/**
 * Installs the packed package into small projects of the kinds that people have, and builds and runs each: `npm run packages`. With `--all`
 * also those whose tools have to be fetched, which takes a minute or two.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { build } from 'esbuild'
import { differences } from './shipped.ts'
import { hashesIn, hashesSaid } from './sri.ts'

type Files = Record<string, string | object>

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as { exports: Record<string, unknown> }
const paths = Object.keys(manifest.exports).filter(path => path !== './package.json')
const names = paths.map(path => `throughline${path.slice(1)}`)
const inPages = names.filter(name => !name.endsWith('/server'))
const compiler = resolve('node_modules/typescript/bin/tsc')
let projects = 0
const root = mkdtempSync(join(tmpdir(), 'throughline-'))
const packed = pack()

/** What a project asks of `throughline` and `throughline/dialects/plain`: that both are there, whole and of one piece. */
const uses = `
  const line = connect('http://127.0.0.1:9/live', { dialect: plain, transports: ['websocket'] })
  if (line.readyState !== 0) throw new Error('no line')
  line.close()
  console.log('works')`
const required = `const { connect } = require('throughline')\nconst { plain } = require('throughline/dialects/plain')\n${uses}`
const imported = `import { connect } from 'throughline'\nimport { plain } from 'throughline/dialects/plain'\n${uses}`

/** For a compiler: the things that declarations most easily lose. */
const typed = `
import { connect, json } from 'throughline'
import { connect as connectCore, websocket } from 'throughline/core'
const line = connect<{ message: { text: string } }>('/live', { codec: json })
line.onmessage = event => event.data.text.toUpperCase() + event.lastEventId
line.addEventListener('message', event => event.data.text.toUpperCase())
line.addEventListener('open', event => event.transport === 'websocket' && event.type)
line.onerror = ({ error, retryIn }) => error.kind + (retryIn ?? 0)
// @ts-expect-error: a message has no such field, so its type is known
line.onmessage = event => event.data.txt
connectCore('/live', { transport: websocket })
`

/** What Node's packages bring in place of a browser's classes fits. */
const typedInNode = `${typed}
import { WebSocket } from 'ws'
import { fetch } from 'undici'
connect('/live', { environment: { WebSocket, fetch } })
connect(new URL('https://host.test/live'), { signal: AbortSignal.timeout(1_000) })
connect('/live', { environment: { WebSocket: globalThis.WebSocket } })
// @ts-expect-error: a socket that cannot be closed is none
connect('/live', { environment: { WebSocket: class { send() {} } } })
`
const typedInPages = `${typed}
connect('/live', { environment: { WebSocket, EventSource, XMLHttpRequest, fetch } })
connect(new URL('https://host.test/live'), { signal: AbortSignal.timeout(1_000) })
const hear = (event: MessageEvent<{ text: string }>) => event.data.text
line.onmessage = hear
line.addEventListener('message', hear)
const target: EventTarget = line
`

const checks: Record<string, () => unknown> = {
  'nothing is shipped but what is listed': () => none(differences(packed.files)),
  'the README has the hashes of the files for script tags': () => {
    const installed = join(root, 'node', 'node_modules', 'throughline')
    const said = hashesSaid(readFileSync(join(installed, 'README.md'), 'utf8'))
    const wrong = Object.entries(hashesIn(join(installed, 'dist'))).filter(
      ([name, hash]) => said[name] !== hash,
    )
    none(
      wrong.map(([name, hash]) => `${name} is ${hash}: \`npm run sri -- --write\` puts it into the README`),
    )
  },
  'require in Node': () => node('required.cjs', required),
  // Node below 20.19 and 22.12 has no other way.
  'require in a Node that cannot require modules': () =>
    node('required.cjs', required, ['--no-experimental-require-module']),
  'import in Node': () => node('imported.mjs', imported),
  'every entry, by require and by import': () => {
    node('all.cjs', `${names.map(name => `require('${name}')`).join('\n')}\nconsole.log('works')`, [
      '--no-experimental-require-module',
    ])
    node('all.mjs', `${names.map(name => `import '${name}'`).join('\n')}\nconsole.log('works')`)
  },
  'every entry for pages, by a resolver that knows no exports': () => {
    // Node resolves a folder so.
    const folders = inPages.map(name => join(root, 'node', 'node_modules', name))
    node(
      'folders.cjs',
      `${folders.map(folder => `require(${JSON.stringify(folder)})`).join('\n')}\nconsole.log('works')`,
      ['--no-experimental-require-module'],
    )
  },
  'types by node10': () =>
    types(typed, { module: 'commonjs', moduleResolution: 'node10', ignoreDeprecations: '6.0' }),
  'types by node16 in a CommonJS project': () => types(typed, { module: 'node16' }),
  'types by node16 in a project of ES modules': () => types(typed, { module: 'node16' }, 'module'),
  'types in a page': () => types(typedInPages, {}),
  'types in a worker': () =>
    types(typedInPages, { lib: ['es2022', 'webworker'], types: [] }, 'module', inPages),
  'types in Node without the DOM': () => types(typedInNode, { lib: ['es2022'] }),
  'types in Node with the DOM': () => types(typedInNode, { skipLibCheck: true }),
  'types where a place declares nothing': () =>
    types(typed, { lib: ['es2022'], types: [] }, 'commonjs', inPages),
  'esbuild, with warnings in development only': async () => {
    const development = await bundled(['development'])
    if (!development.includes('console.warn')) throw new Error('the development build has no warnings')
    if ((await bundled([])).includes('console.warn')) throw new Error('the production build has warnings')
  },
}

const more: Record<string, () => unknown> = {
  'Jest 30': () => {
    project('jest', { 'it.test.js': `test('it', () => {${required}})` }, ['jest@30'])
    run('jest', 'npx', ['jest'])
  },
  'Parcel 2': () =>
    bundler('parcel', ['parcel@2'], ['npx', 'parcel', 'build', 'in.js', '--no-cache'], 'dist/in.js'),
  'webpack 5': () =>
    bundler(
      'webpack',
      ['webpack@5', 'webpack-cli@6'],
      ['npx', 'webpack', './in.js', '--mode', 'production', '-o', 'dist'],
      'dist/main.js',
    ),
  'Vite 8': () => {
    const html = { 'index.html': '<script type="module" src="/in.js"></script>' }
    bundler('vite', ['vite@8'], ['npx', 'vite', 'build', '--minify', 'false'], undefined, html)
  },
}

await runAll({ ...checks, ...(process.argv.includes('--all') && more) })

async function runAll(all: typeof checks): Promise<void> {
  try {
    project('node', {})
    for (const [name, check] of Object.entries(all)) await report(name, check)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

async function report(name: string, check: () => unknown): Promise<void> {
  try {
    await check()
    console.log(`works  ${name}`)
  } catch (error) {
    console.error(`FAILS  ${name}\n${(error as Error).message}`)
    process.exitCode = 1
  }
}

/** A folder of its own with the package in it, as npm puts it there. */
function project(name: string, files: Files, tools: string[] = []): string {
  const folder = join(root, name)
  write(folder, { 'package.json': { name, private: true }, ...files })
  run(name, 'npm', ['install', '--silent', '--no-audit', '--no-fund', packed.tarball, ...tools])
  return folder
}

function pack(): { tarball: string; files: string[] } {
  const args = ['pack', '--json', '--silent', '--pack-destination', root]
  const { stdout } = spawnSync('npm', args, { encoding: 'utf8', maxBuffer: 2 ** 24 })
  const [{ filename, files }] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }]
  return { tarball: join(root, filename), files: files.map(({ path }) => path) }
}

function none(wrong: readonly string[]): void {
  if (wrong.length > 0) throw new Error(wrong.join('\n'))
}

function write(folder: string, files: Files): void {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  }
}

function run(name: string, command: string, args: string[]): string {
  const cwd = join(root, name)
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}\n${stdout}${stderr}`)
  return stdout
}

function node(file: string, code: string, flags: string[] = []): void {
  write(join(root, 'node'), { [file]: code })
  const said = run('node', process.execPath, [...flags, file])
  if (!said.includes('works')) throw new Error(`it says ${JSON.stringify(said)}`)
}

/** Compiles in the first project, declarations of the package included. */
function types(code: string, options: object, type = 'commonjs', entries = names): void {
  const folder = join(root, 'node', `types-${++projects}`)
  const compilerOptions = {
    noEmit: true,
    strict: true,
    module: 'esnext',
    ...(!('module' in options) && { moduleResolution: 'bundler' }),
    target: 'es2022',
    lib: ['es2022', 'dom'],
    types: ['node'],
    typeRoots: [resolve('node_modules/@types')],
    paths: { ws: [resolve('node_modules/@types/ws')], undici: [resolve('node_modules/undici')] },
    skipLibCheck: false,
    ...options,
  }
  const imports = entries.map((name, index) => `import * as entry${index} from '${name}'`).join('\n')
  const used = `export const entries = [${entries.map((_, index) => `entry${index}`).join(', ')}]`
  write(folder, {
    'package.json': { type },
    'in.ts': `${imports}\n${code}\n${used}`,
    'tsconfig.json': { compilerOptions, files: ['in.ts'] },
  })
  run('node', process.execPath, [compiler, '-p', folder])
}

async function bundled(conditions: string[]): Promise<string> {
  const stdin = { contents: imported, resolveDir: join(root, 'node') }
  const { outputFiles } = await build({ stdin, conditions, bundle: true, write: false, logLevel: 'silent' })
  return outputFiles[0]?.text ?? ''
}

function bundler(
  name: string,
  tools: string[],
  [command = '', ...args]: string[],
  output?: string,
  files: Files = {},
): void {
  project(name, { 'in.js': imported, ...files }, tools)
  run(name, command, args)
  if (output) run(name, process.execPath, [output])
}
