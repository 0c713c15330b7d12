import { diagnose } from '../src/diagnose.ts'
import { type Command, readArguments, readSeconds, readUrl } from './arguments.ts'
import { environment, inNode, readTransports } from './line.ts'

const help = `throughline diagnose <url> [options]

Tries every transport that there is in Node by itself, and says what each does on this network.

  --transport <list>    which to try, with commas between (${inNode.join(',')})
  --token <text>        the page's credential
  --timeout <seconds>   how long one may bring nothing (10)
  --json                the findings as JSON

  throughline diagnose 'http://127.0.0.1:8081/live?topic=lobby'

EventSource, XHR streaming and JSONP are a page's alone: throughline/diagnose tries them there. Exit code 0 if data came over one of them, 1 if over none.
`

const options = {
  transport: { type: 'string' },
  token: { type: 'string' },
  timeout: { type: 'string' },
  json: { type: 'boolean' },
} as const

export const command: Command = { help, run }

async function run(args: string[]): Promise<number> {
  const { values, positionals } = readArguments(args, options, { names: ['url'], least: 1 })
  const { token, timeout, json } = values
  const url = readUrl(positionals[0] as string, '<url>')
  const { text, findings } = await diagnose(url.href, {
    transports: readTransports(values.transport),
    environment,
    ...(token !== undefined && { token: () => token }),
    ...(timeout !== undefined && { timeout: readSeconds(timeout, '--timeout') }),
  })
  console.log(json ? JSON.stringify(findings, null, 2) : text)
  return findings.some(({ proven }) => proven !== undefined) ? 0 : 1
}
