import { writeFile } from 'node:fs/promises'
import type { Block } from '../src/wire/block.ts'
import { type Command, readArguments, readSeconds, readUrl, UsageError } from './arguments.ts'
import { headingOf, linesOf, passes, summaryOf } from './check/report.ts'
import { cases, type Outcome, runCheck } from './check/run.ts'
import { publishBy } from './publishing.ts'

const help = `throughline check <url> [options]

Tries each rule of docs/PROTOCOL.md that can be seen from outside, over each transport that the server offers. The address has
to be one of the check profile (docs/check.md): what a client sends up there is published to all who listen there.

  --publish <url>         publish by this endpoint, where the server does not publish what is sent up
  --publish-token <text>  the credential of that endpoint
  --token <text>          the credential of a page
  --origin <origin>       another origin whose pages may connect, for the rules about CORS
  --refuses <event>       an event that the application refuses, for the rules about rt.nack
  --case <name>           try this case alone, or all whose names begin with <name> and a point; may come several times
  --patience <seconds>    how long each answer is waited for (5)
  --slow                  also what takes half a minute for each transport
  --strict                fail also for what SHOULD be so
  --json                  the report as JSON
  --output <file>         write the report there as JSON, besides

  throughline check 'http://127.0.0.1:8081/live?topic=check'

Exit code 0 if the server keeps all that it MUST, 1 if it does not, or nobody answers, 2 for wrong usage.
`

const options = {
  publish: { type: 'string' },
  'publish-token': { type: 'string' },
  token: { type: 'string' },
  origin: { type: 'string' },
  refuses: { type: 'string' },
  case: { type: 'string', multiple: true },
  patience: { type: 'string' },
  slow: { type: 'boolean' },
  strict: { type: 'boolean' },
  json: { type: 'boolean' },
  output: { type: 'string' },
} as const

export const command: Command = { help, run }

async function run(args: string[]): Promise<number> {
  const { values, positionals } = readArguments(args, options, { names: ['url'], least: 1 })
  const url = readUrl(positionals[0] as string, '<url>')
  const only = readCases(values.case ?? [])
  const print = values.json ? () => {} : (text: string) => process.stdout.write(text)
  const patience = readSeconds(values.patience ?? '5', '--patience')
  const publish =
    values.publish === undefined ? undefined : byEndpoint(url, values.publish, values['publish-token'])
  let before: Outcome | undefined
  let ofCase: Outcome[] = []
  const printCase = () => {
    const [first] = ofCase
    if (!first) return
    print(headingOf(first, before) + linesOf(ofCase))
    before = first
    ofCase = []
  }
  print(`Check of ${url.href}\n`)
  const report = await runCheck({
    url,
    only,
    token: values.token,
    origin: values.origin,
    refuses: values.refuses,
    slow: values.slow ?? false,
    patience,
    publish,
    tell(outcome) {
      if (outcome.name !== ofCase[0]?.name) printCase()
      ofCase.push(outcome)
    },
  })
  printCase()
  const whole = `${JSON.stringify({ ...report, passes: passes(report, values.strict) }, null, 2)}\n`
  if (values.json) process.stdout.write(whole)
  else print(`${summaryOf(report)}\n`)
  if (values.output !== undefined) await writeFile(values.output, whole)
  return passes(report, values.strict) ? 0 : 1
}

function readCases(names: readonly string[]): readonly string[] {
  for (const name of names)
    if (!cases.some(each => each.name === name || each.name.startsWith(`${name}.`)))
      throw new UsageError(`--case is '${name}'; the cases are ${cases.map(each => each.name).join(', ')}`)
  return names
}

function byEndpoint(url: URL, publish: string, token: string | undefined) {
  const endpoint = readUrl(publish, '--publish')
  const topic = url.searchParams.get('topic')
  if (topic === null)
    throw new UsageError(`--publish needs the parameter topic in <url>, which is '${url.href}'`)
  return async ({ event, data = '', type }: Partial<Block>) => {
    const value = type === 'json' ? JSON.parse(data) : data
    await publishBy(endpoint, { topic, event, data: value }, { token })
  }
}
