/**
 * Compiles for each place that a `tsconfig.*.json` is about, by each version of TypeScript that is named, with each way to resolve modules, and
 * reads every declaration that this brings in: `node check.js 5.0 7`.
 */
const { spawnSync } = require('node:child_process')
const { readdirSync, readFileSync, writeFileSync } = require('node:fs')

const resolutions = [
  { module: 'esnext', moduleResolution: 'bundler', type: 'module' },
  { module: 'node16', moduleResolution: 'node16', type: 'module' },
  { module: 'node16', moduleResolution: 'node16', type: 'commonjs' },
  { module: 'nodenext', moduleResolution: 'nodenext', type: 'module' },
  { module: 'nodenext', moduleResolution: 'nodenext', type: 'commonjs' },
  { module: 'commonjs', moduleResolution: 'node10', type: 'commonjs' },
]
const configs = readdirSync('.').filter(name => name.startsWith('tsconfig.'))
/** What runs in Node alone, and what is for a framework of pages. */
const ofNode = /^throughline\/(?:server|testing)/
const ofFrameworks = /^throughline\/(?:react|vue|svelte)$/
let compiled = 0

writeEntries()
for (const version of process.argv.slice(2)) {
  const compile = compilerOf(version)
  for (const resolution of resolutions) {
    // TypeScript 7 has left it behind, and 6 wants to hear that one knows.
    const isOld = resolution.moduleResolution === 'node10'
    if (isOld && version === '7') continue
    const options = { ...resolution, ...(isOld && version === '6' && { ignoreDeprecations: '6.0' }) }
    for (const config of configs) check(version, compile, config, options)
  }
}
console.log(`compiled ${compiled} times`)

function check(version, compile, config, { type, ...options }) {
  writeFileSync('src/package.json', JSON.stringify({ type }))
  const errors = compile(config, options)
  compiled += 1
  if (errors === '') return
  console.error(`TypeScript ${version}, ${options.moduleResolution}, ${type}, ${config}\n${errors}`)
  process.exitCode = 1
}

/** Every entry of the package, as its `exports` has them. */
function writeEntries() {
  const { exports } = JSON.parse(readFileSync('node_modules/throughline/package.json', 'utf8'))
  const names = Object.keys(exports)
    .filter(path => path !== './package.json')
    .map(path => `throughline${path.slice(1)}`)
  const lines = names => names.map((name, index) => `export * as entry${index} from '${name}'\n`).join('')
  const plain = names.filter(name => !ofFrameworks.test(name))
  writeFileSync('src/entries.node.ts', lines(plain))
  writeFileSync('src/entries.pages.ts', lines(plain.filter(name => !ofNode.test(name))))
  writeFileSync('src/entries.frameworks.ts', lines(names.filter(name => ofFrameworks.test(name))))
}

/** What compiles by this version: in this process where that is possible, since it then reads a file once for all places. */
function compilerOf(version) {
  const ts = require(`typescript-${version}`)
  if (!ts.createProgram) return (config, options) => byCommand(version, config, options)

  const known = new Map()
  return (config, options) => {
    const { options: given } = ts.parseCommandLine(argumentsOf(options))
    const { options: all, fileNames, errors } = ts.getParsedCommandLineOfConfigFile(config, given, ts.sys)
    const host = ts.createCompilerHost(all)
    const program = ts.createProgram(fileNames, all, { ...host, getSourceFile })
    const found = program.getSourceFiles().filter(isOurs)
    const more = found.flatMap(file => ts.getPreEmitDiagnostics(program, file))
    return ts.formatDiagnostics(ts.sortAndDeduplicateDiagnostics([...errors, ...more]), host)

    function getSourceFile(name, ...more) {
      if (!name.includes('/node_modules/')) return host.getSourceFile(name, ...more)
      const isLibrary = name.includes(`/typescript-${version}/lib/`)
      const key = isLibrary ? name : `${options.module} ${name}`
      if (!known.has(key)) known.set(key, host.getSourceFile(name, ...more))
      return known.get(key)
    }
  }
}

/** The project's files and the package's. Whether other packages' declarations are sound takes most of the time, and is no matter of these. */
function isOurs({ fileName }) {
  return !fileName.includes('/node_modules/') || fileName.includes('/node_modules/throughline/')
}

function byCommand(version, config, options) {
  const compiler = `node_modules/typescript-${version}/lib/tsc.js`
  const given = [compiler, '-p', config, ...argumentsOf(options)]
  const { status, stdout } = spawnSync(process.execPath, given, { encoding: 'utf8' })
  if (status === 0) return ''
  const errors = stdout.split('\n').filter(line => / error TS|^error TS/.test(line))
  if (errors.length === 0) return stdout || 'it did not run'
  return errors.filter(line => isOurs({ fileName: `/${line}` })).join('\n')
}

function argumentsOf(options) {
  return Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])
}
