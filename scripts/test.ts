/**
 * What `npm test` checks, in order; with `--all` the rest as well: every browser test in every engine, other people's servers and middleboxes
 * among them, and the package with tools that have to be fetched. A failing stage does not hide the later ones, but for the build.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import { relative } from 'node:path'
import { stripVTControlCharacters } from 'node:util'

interface Stage {
  name: string
  /** What it does, for a person who waits for it. */
  about: string
  command: string
  env?: Record<string, string>
  /** Where its tests are counted; a stage without a report counts as one test. */
  report?: { path: string; read(report: never): Count }
  /** Nothing after it makes sense without it. */
  essential?: true
}

interface Count {
  passed: number
  failed: number
  /** What is to be said of those that failed, at the end of everything: what was printed as they failed is far above by then. */
  failures: readonly string[]
}

const all = process.argv.includes('--all')

/** Projects of vitest.config.ts. */
function units(name: string, ...projects: string[]): Pick<Stage, 'command' | 'report'> {
  const path = `test-results/${name}.json`
  const some = projects.map(project => `--project ${project}`).join(' ')
  return {
    command: `npm run --silent unit -- ${some} --reporter=default --reporter=json --outputFile.json=${path}`,
    report: { path, read: readUnits },
  }
}

/** A finding says how to repeat it. By hand it runs for as long as one likes. */
const fuzz: Stage = {
  name: 'fuzz',
  about: 'a minute of rubbish for everything that reads what strangers write',
  command: 'npm run --silent fuzz -- --seconds 60',
}

const long: Stage = {
  name: 'long',
  about:
    'Redis as sentinels and clusters fail over, and what tries a server from outside: many that are wrong, and those in other languages',
  ...units('long', 'long'),
}

/** Before the tests in browsers, of which one reads the site. */
const docs: Stage = {
  name: 'docs',
  about: 'the site of the docs: its links, and its examples',
  command: 'npm run --silent docs:check',
}

const rest: Stage = {
  name: 'rest',
  about: 'all other browser tests in Chromium, Firefox and WebKit',
  ...browsers('rest'),
}

const stages: Stage[] = [
  { name: 'setup', about: 'installs the browsers that are missing', command: 'npm run --silent setup' },
  {
    name: 'build',
    about: 'makes dist/',
    command: 'npm run --silent build',
    essential: true,
  },
  { name: 'types', about: 'TypeScript', command: 'npm run --silent types' },
  { name: 'lint', about: 'Biome', command: 'npm run --silent lint' },
  {
    name: 'unit',
    about: 'everything in Node',
    ...units('unit', 'unit', 'fetch'),
  },
  {
    name: 'package',
    about: 'what is published, in small projects',
    command: `npm run --silent package${all ? ' -- --all' : ''}`,
  },
  { name: 'size', about: 'what a page pays, against its budgets', command: 'npm run --silent size' },
  {
    name: 'e2e',
    about: 'our own server in Chromium; each transport in Firefox and WebKit too',
    ...browsers('selection'),
  },
  ...(all ? [long, fuzz, docs, rest] : []),
]

await runAll()

function browsers(E2E: 'selection' | 'rest'): Pick<Stage, 'command' | 'env' | 'report'> {
  const path = `test-results/e2e-${E2E}.json`
  return { command: 'npm run --silent e2e', env: { E2E }, report: { path, read: readBrowserTests } }
}

async function runAll(): Promise<void> {
  for (const { name, about } of stages) console.log(`${name.padEnd(8)} ${about}`)
  if (!all)
    console.log('\n`npm run test:all` runs every test in every engine, with real servers and middleboxes.')

  const results: { stage: Stage; count: Count; seconds: string }[] = []
  for (const stage of stages) {
    const started = Date.now()
    const count = await runStage(stage)
    results.push({ stage, count, seconds: ((Date.now() - started) / 1000).toFixed(1) })
    if (stage.essential && count.failed > 0) break
  }

  const total = results.map(result => result.count).reduce(sum)
  if (total.failures.length > 0) console.log(`\n── failed ${'─'.repeat(64)}\n${total.failures.join('\n')}`)
  console.log('')
  for (const { stage, count, seconds } of results) {
    console.log(`${stage.name.padEnd(8)} ${inWords(count)}, ${seconds} s`)
  }
  if (total.failed > 0) process.exitCode = 1
  console.log(`\n${inWords(total)}`)
}

async function runStage({ name, command, env, report }: Stage): Promise<Count> {
  console.log(`\n── ${name} ${'─'.repeat(70 - name.length)}`)
  if (report) rmSync(report.path, { force: true })
  const told = report ? 'inherit' : 'pipe'
  const child = spawn(command, {
    shell: true,
    stdio: ['inherit', told, told],
    env: { ...(process.stdout.isTTY && { FORCE_COLOR: '1' }), ...process.env, ...env },
  })
  let last = ''
  for (const [from, to] of [
    [child.stdout, process.stdout],
    [child.stderr, process.stderr],
  ] as const)
    from?.setEncoding('utf8').on('data', text => {
      to.write(text)
      last = (last + text).slice(-4_000)
    })
  const [status] = await once(child, 'close')
  const succeeded = status === 0
  const counted = report ? readReport(report) : { passed: succeeded ? 1 : 0, failed: 0, failures: [] }
  if (succeeded || counted.failed > 0) return counted
  // A runner that fails without a failed test (a file that does not load, a crash) is a failure all the same.
  return { ...counted, failed: 1, failures: [...counted.failures, lastLines(name, last)] }
}

/** The name of a stage without a report, and the last lines that it printed. */
function lastLines(name: string, text: string): string {
  const lines = stripVTControlCharacters(text).trimEnd().split('\n').slice(-40)
  return [name, ...lines.map(line => `    ${line}`)].join('\n')
}

function readReport({ path, read }: NonNullable<Stage['report']>): Count {
  try {
    return read(JSON.parse(readFileSync(path, 'utf8')) as never)
  } catch (error) {
    const why = `${path} cannot be read: ${error}`
    console.error(why)
    return { passed: 0, failed: 1, failures: [why] }
  }
}

/** The JSON of Vitest. */
interface UnitReport {
  numPassedTests: number
  numFailedTests: number
  testResults: {
    name: string
    message: string
    assertionResults: { fullName: string; failureMessages: string[] }[]
  }[]
}

function readUnits({ numPassedTests, numFailedTests, testResults }: UnitReport): Count {
  const failures = testResults.flatMap(({ name, message, assertionResults }) => [
    // That a file could not be loaded, for one.
    ...(message ? [failure(relative('.', name), [message])] : []),
    ...assertionResults
      .filter(({ failureMessages }) => failureMessages.length > 0)
      .map(({ fullName, failureMessages }) =>
        failure(`${relative('.', name)} › ${fullName}`, failureMessages),
      ),
  ])
  return { passed: numPassedTests, failed: numFailedTests, failures }
}

/** The JSON of Playwright. */
interface BrowserReport {
  stats: { expected: number; unexpected: number }
  suites: Suite[]
  errors: { message?: string }[]
}

interface Suite {
  title: string
  suites?: Suite[]
  specs: {
    title: string
    tests: { projectName: string; status: string; results: { errors: { message?: string }[] }[] }[]
  }[]
}

function readBrowserTests({ stats, suites, errors }: BrowserReport): Count {
  const failures = [...messagesOf(errors), ...suites.flatMap(suite => failuresIn(suite, []))]
  return { passed: stats.expected, failed: stats.unexpected, failures }
}

function failuresIn({ title, suites = [], specs }: Suite, above: readonly string[]): string[] {
  const path = [...above, title]
  const own = specs.flatMap(spec =>
    spec.tests
      .filter(({ status }) => status === 'unexpected')
      .map(({ projectName, results }) =>
        failure(
          [`[${projectName}]`, ...path, spec.title].join(' › '),
          results.flatMap(({ errors }) => messagesOf(errors)),
        ),
      ),
  )
  return [...own, ...suites.flatMap(suite => failuresIn(suite, path))]
}

function messagesOf(errors: readonly { message?: string }[]): string[] {
  return errors.flatMap(({ message }) => message ?? [])
}

/** Its name, and the first lines of why. */
function failure(name: string, messages: readonly string[]): string {
  const why = messages.flatMap(message => stripVTControlCharacters(message).split('\n').slice(0, 6))
  return [name, ...why.map(line => `    ${line}`)].join('\n')
}

function sum(one: Count, other: Count): Count {
  return {
    passed: one.passed + other.passed,
    failed: one.failed + other.failed,
    failures: [...one.failures, ...other.failures],
  }
}

function inWords({ passed, failed }: Count): string {
  return `${passed} passed, ${failed} failed`
}
