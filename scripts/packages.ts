/**
 * Installs the packed package into small projects of the kinds that people have, and builds and runs each: `npm run packages`. With `--all`
 * also those whose tools have to be fetched, which takes a minute or two.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { build } from 'esbuild'
import { type Plugin, rollup } from 'rollup'
import { exportsOf, pages, wrongImports } from './samples.ts'
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

/** What a project imports of each entry that is not another server's or transport's. */
const parts: Record<string, string> = {
  throughline: 'connect, json',
  'throughline/diagnose': 'diagnose',
  'throughline/dialects/plain': 'plain, plainWith',
  'throughline/iterate': 'events',
  'throughline/report': 'asText, explain',
}

/** What a project asks of them: that they are there, whole and of one piece. A promise, `used`, that is kept if they are. */
const uses = `
  const used = (async () => {
    const url = 'http://127.0.0.1:9/live'
    const line = connect(url, { dialect: plain, codec: json, transports: ['websocket'] })
    if (line.readyState !== 0) throw new Error('no line')
    line.close()
    for await (const event of events(line)) throw new Error('a line that is closed heard ' + event.type)
    const options = { dialect: plainWith({ letter: true }), transports: ['websocket'], timeout: 10_000 }
    const { findings, text } = await diagnose(url, options)
    const said = asText(url, explained(findings))
    if (said !== text || !text.includes('websocket')) throw new Error(said + ' is not ' + text)
    console.log('works')
  })()
  function explained(findings) {
    return explain(findings.map(({ verdict, ...figures }) => figures))
  }`
const required = `${each((entry, names) => `const { ${names} } = require('${entry}')`)}\n${uses}`
const imported = `${each((entry, names) => `import { ${names} } from '${entry}'`)}\n${uses}`

/** For a compiler: the things that declarations most easily lose. */
const typed = `
import { connect, json } from 'throughline'
import { connect as connectCore, native, race, websocket } from 'throughline/core'
import { diagnose, type Diagnosis } from 'throughline/diagnose'
import { plain, type PlainOptions, plainWith } from 'throughline/dialects/plain'
import { events, type StreamOptions } from 'throughline/iterate'
import { asText, explain, type Explained } from 'throughline/report'
const line = connect<{ message: { text: string } }>('/live', { codec: json })
line.onmessage = event => event.data.text.toUpperCase() + event.lastEventId
line.addEventListener('message', event => event.data.text.toUpperCase())
const room = line.subscribe('room')
room.presence().then(people => people.count.toFixed() + people[0]?.id.length)
room.addEventListener('join', ({ person }) => person.id.length)
line.addEventListener('open', event => event.transport === 'websocket' && event.type)
line.onerror = ({ error, retryIn }) => error.kind + error.code.length + (retryIn ?? 0)
// @ts-expect-error: a message has no such field, so its type is known
line.onmessage = event => event.data.txt
connectCore('/live', { transport: websocket, dialect: native })
connectCore('/live', { transport: race(websocket), dialect: plain })
// @ts-expect-error: the core has no dialect but the one that it is given
connectCore('/live', { transport: websocket })
const letter: PlainOptions = { letter: true }
connect('/live', { dialect: plainWith(letter) })
// @ts-expect-error: that name is known to a script tag alone
connect('/live', { dialect: 'plain' })
const explained: readonly Explained[] = explain(line.report())
asText(line.url, explained).trim()
// @ts-expect-error: a line tells figures, which are to be explained first
asText(line.url, line.report())
diagnose('/live', { dialect: plain }).then(({ text, findings }: Diagnosis) => [text.trim(), findings[0]?.verdict.trim()])
const latest: StreamOptions = { overflow: 'latest' }
interface Live {
  topics: { [room: \`room:\${string}\`]: { message: { text: string } } }
  sends: { note: { data: { text: string }; answer: number } }
}
const live = connect<Live>('/live')
live.subscribe('room:1').onmessage = event => event.data.text.toUpperCase()
live.send({ text: 'x' }, { event: 'note', answer: true }).then(answer => answer.toFixed())
// @ts-expect-error: the contract has no such topic
live.subscribe('lobby')
// @ts-expect-error: nor such data
live.send({ txt: 'x' }, { event: 'note' })
export const heard = async () => {
  for await (const event of events(line)) return event.data.text.toUpperCase()
  for await (const event of events(line, 'open', latest)) return event.resumed === true
  // @ts-expect-error: a message has no such field here either
  for await (const event of events(line)) return event.data.txt
}
`

/** What Node's packages bring in place of a browser's classes fits. */
const typedInNode = `${typed}
import { createHub } from 'throughline/server'
const hub = createHub<Live>()
hub.publish('room:1', { text: 'x' })
hub.on('message', ({ data }) => data.text.length)
// @ts-expect-error: a message in a room has a text
hub.publish('room:1', { txt: 'x' })
// @ts-expect-error: the answer is a number
hub.on('message', ({ data }) => data.text)
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

/**
 * A program that has `connect`. It says as JSON what a try that fails and a send that is refused are called, and whether an option that
 * cannot be is noticed.
 */
const tells = (options: string) => `
  class WebSocket { constructor() { throw new Error('not today') } }
  const usual = { environment: { WebSocket }, limits: { messages: 1 }, ${options} }
  const url = 'http://127.0.0.1:9/live'
  const line = connect(url, usual)
  const send = (text) => line.send(text).catch(({ code, message }) => ({ code, message }))
  line.onerror = async ({ error }) => {
    line.onerror = null
    void send('one that waits')
    const full = await send('one too many')
    line.close()
    let checks = false
    try {
      connect(url, { ...usual, retry: 'soon' }).close()
    } catch {
      checks = true
    }
    // The time until the next try is another each time.
    const [message] = error.message.split('; trying again')
    console.log(JSON.stringify({ code: error.code, kind: error.kind, message, full, checks }))
  }`
const ofWebSocket = tells(`transports: ['websocket']`)
const telling = `import { connect } from 'throughline'\n${ofWebSocket}`
const tellingRequired = `const { connect } = require('throughline')\n${ofWebSocket}`
const tellingOfCore = `
  import { connect, native, websocket } from 'throughline/core'
  ${tells('transport: websocket, dialect: native')}`

/** Words of the checks of options, and of the sentences of failures. */
const wordsOfChecks = 'an object with encode and decode'
const wordsOfSentences = ' could not be reached'

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
  'what README.md and docs import is there': () => {
    const installed = join(root, 'node', 'node_modules', 'throughline')
    const declarations = names.map(name => {
      const path = name.replace(/^throughline\/?/, '') || 'index'
      return [name, join(installed, 'dist', `${path}.d.ts`)] as const
    })
    const exported = exportsOf(new Map(declarations))
    none(wrongImports(pages(), exported))
    const values = names.map(name => {
      const kinds = [...(exported.get(name) ?? [])]
      return [name, kinds.flatMap(([value, kind]) => (kind === 'value' ? [value] : []))]
    })
    node(
      'declared.mjs',
      `for (const [name, declared] of ${JSON.stringify(values)}) {
        const real = Object.keys(await import(name))
        if (\`\${real.sort()}\` !== \`\${declared.sort()}\`) throw new Error(name + ' exports ' + real + ' and declares ' + declared)
      }
      console.log('works')`,
    )
  },
  'esbuild, with warnings in development only': async () => {
    const development = await byEsbuild(imported, ['development'])
    if (!development.includes('console.warn')) throw new Error('the development build has no warnings')
    if ((await byEsbuild(imported)).includes('console.warn'))
      throw new Error('the production build has warnings')
  },
  'esbuild, whole sentences and checks in development only': async () =>
    compare(await byEsbuild(telling, ['development']), await byEsbuild(telling)),
  'esbuild, the same of the core': async () =>
    compare(await byEsbuild(tellingOfCore, ['development']), await byEsbuild(tellingOfCore)),
  'rollup, whole sentences and checks in development only': async () =>
    compare(await byRollup(telling, 'development'), await byRollup(telling, 'default')),
  'rollup, the same of the core': async () =>
    compare(await byRollup(tellingOfCore, 'development'), await byRollup(tellingOfCore, 'default')),
  'script tags, whole sentences and checks in throughline.js only': () =>
    // Both have the sentences, for `explain()`.
    compare(scriptTag('throughline.js'), scriptTag('throughline.min.js'), [wordsOfChecks]),
  'require has no checks, and codes for sentences': async () =>
    compare(await byEsbuild(telling, ['development']), await byEsbuild(tellingRequired)),
}

const more: Record<string, () => unknown> = {
  'Jest 30': () => {
    project('jest', { 'it.test.js': `test('it', () => {${required}\nreturn used})` }, ['jest@30'])
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

function each(line: (entry: string, names: string) => string): string {
  return Object.entries(parts)
    .map(([entry, names]) => line(entry, names))
    .join('\n')
}

async function byEsbuild(contents: string, conditions: string[] = []): Promise<string> {
  const stdin = { contents, resolveDir: join(root, 'node') }
  const { outputFiles } = await build({ stdin, conditions, bundle: true, write: false, logLevel: 'silent' })
  return outputFiles[0]?.text ?? ''
}

/** Rollup finds packages by a plugin only, which asks for one of the conditions of package.json. */
async function byRollup(code: string, condition: 'development' | 'default'): Promise<string> {
  const installed = join(root, 'node', 'node_modules', 'throughline')
  const { exports } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'))
  const plugin: Plugin = {
    name: 'of the project',
    resolveId: id => {
      if (id === 'in.js') return id
      return id.startsWith('throughline')
        ? join(installed, exports[`.${id.slice('throughline'.length)}`].import[condition])
        : null
    },
    load: id => (id === 'in.js' ? code : null),
  }
  const bundle = await rollup({ input: 'in.js', plugins: [plugin] })
  const { output } = await bundle.generate({ format: 'iife' })
  return output[0].code
}

function scriptTag(file: string): string {
  const script = readFileSync(join(root, 'node', 'node_modules', 'throughline', 'dist', file), 'utf8')
  return `${script}\nconst { connect } = Throughline\n${ofWebSocket}`
}

/** Development says more, and checks; both give the same codes. `left`: the words that production leaves out. */
function compare(
  development: string,
  production: string,
  left: readonly string[] = [wordsOfChecks, wordsOfSentences],
): void {
  const [long, short] = [development, production].map(code => {
    write(join(root, 'node'), { 'telling.cjs': code })
    return JSON.parse(run('node', process.execPath, ['telling.cjs']))
  })
  const fits =
    long.code === short.code &&
    long.kind === short.kind &&
    long.full.code === short.full.code &&
    short.message.includes(short.code) &&
    long.message.length > short.message.length &&
    long.full.message.length > short.full.message.length &&
    long.checks &&
    !short.checks
  if (!fits) throw new Error(`development: ${JSON.stringify(long)}\nproduction: ${JSON.stringify(short)}`)
  for (const words of left) {
    if (!development.includes(words)) throw new Error(`the development build does not have: ${words}`)
    if (production.includes(words)) throw new Error(`the production build has: ${words}`)
  }
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
