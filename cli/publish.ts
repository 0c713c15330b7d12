import { type Command, readArguments, readUrl, UsageError } from './arguments.ts'
import { publishBy } from './publishing.ts'

const usualUrl = 'http://127.0.0.1:8081/publish'

const help = `throughline publish <topic> <data> [options]

Publishes by the publish endpoint of a server (createPublishEndpoint), and prints the id of the message.

  --url <url>       the endpoint (${usualUrl})
  --event <name>    the event's name (message)
  --json            <data> is JSON, and arrives as a value
  --id, --key <text>  a key for this message: whoever publishes with it once more gets the same id, and nothing is published twice
  --token <text>    the credential (PUBLISH_SECRET)

  throughline publish lobby 'tea is ready'
  throughline publish lobby '{"cups":2}' --json --event tea --key order-17
`

const options = {
  url: { type: 'string' },
  event: { type: 'string' },
  json: { type: 'boolean' },
  id: { type: 'string' },
  key: { type: 'string' },
  token: { type: 'string' },
} as const

export const command: Command = { help, run }

async function run(args: string[]): Promise<number> {
  const { values, positionals } = readArguments(args, options, { names: ['topic', 'data'], least: 2 })
  const [topic = '', data = ''] = positionals
  const { event, id, key = id, token = process.env.PUBLISH_SECRET } = values
  const endpoint = readUrl(values.url ?? usualUrl, '--url')
  const publication = { topic, event, data: values.json ? readJson(data) : data }
  console.log(await publishBy(endpoint, publication, { token, key }))
  return 0
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new UsageError(`<data> is '${text}', which is no JSON; without --json it goes as a text`)
  }
}
