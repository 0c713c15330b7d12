import { connect } from '../src/index.ts'
import { type Command, readArguments, readUrl, UsageError } from './arguments.ts'
import { environment, inNode, readTransports } from './line.ts'

const help = `throughline listen <url> [topic…] [options]

Prints what comes over a line, one message each, and goes on through cuts and restarts until it is interrupted. With topics it subscribes to them; without, it
hears what its address asks for.

  --json                   each message as a line of JSON: topic, event, id, data; bytes as base64 in place of data
  --transport <list>       which to try, with commas between (${inNode.join(',')})
  --last-event-id <id>     go on after this message
  --history <number>       begin with the last so many messages of each topic that is named
  --count <number>         end after so many messages
  --token <text>           the page's credential

  throughline listen 'http://127.0.0.1:8081/live?topic=lobby'
  throughline listen http://127.0.0.1:8081/live room:1 room:2 --history 10

What goes wrong is told on the error output, with when it tries again. Exit code 0 when it was interrupted, or has its messages, 1 when
the server ended the line for good.
`

const options = {
  json: { type: 'boolean' },
  transport: { type: 'string' },
  'last-event-id': { type: 'string' },
  history: { type: 'string' },
  count: { type: 'string' },
  token: { type: 'string' },
} as const

export const command: Command = { help, run }

/** What a line and a subscription have in common for whoever hears all of their messages. */
interface Speaker {
  dispatchEvent(event: Event): boolean
}

async function run(args: string[]): Promise<number> {
  const { values, positionals } = readArguments(args, options, { names: ['url', 'topic…'], least: 1 })
  const [url = '', ...topics] = positionals
  const { token } = values
  const after = values['last-event-id']
  const history = readNumber(values.history, '--history')
  if (history !== undefined && after !== undefined)
    throw new UsageError('--history and --last-event-id are two ways to say where to begin; give one')
  if (history !== undefined && topics.length === 0)
    throw new UsageError('--history needs a <topic> behind <url>')
  const transports = readTransports(values.transport)
  let left = readNumber(values.count, '--count') ?? Number.POSITIVE_INFINITY
  const isOne = topics.length === 1
  const line = connect(readUrl(url, '<url>').href, {
    transports,
    environment,
    ...(token !== undefined && { token: () => token }),
    ...(after !== undefined && !isOne && { lastEventId: after }),
  })
  const print = values.json ? printJson : printText
  const wish = history !== undefined ? { history } : isOne && after !== undefined ? { since: after } : {}
  const speakers = subscribeTo(topics)

  return new Promise(resolve => {
    let code = 0
    // What has a subscription is told by that, too.
    hearAll(line, event => topics.includes(event.topic ?? '') || heard(event))
    for (const speaker of speakers) {
      hearAll(speaker, event => heard(event, speaker.name))
      speaker.addEventListener('error', event => complain(`${speaker.name}: ${reasonOf(event)}`))
      speaker.addEventListener('gap', () => complain(`${speaker.name}: messages were lost`))
    }
    line.addEventListener('open', ({ transport }) => complain(`open by ${transport}`))
    line.addEventListener('gap', ({ reason }) => complain(`messages were lost: ${reason}`))
    line.addEventListener('error', ({ error, retryIn }) => {
      if (retryIn === undefined) code = 1
      const next = retryIn === undefined ? 'this is final' : `next try in ${Math.ceil(retryIn / 100) / 10} s`
      complain(`${error.message}; ${next}`)
    })
    line.addEventListener('close', () => resolve(code))
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => line.close())

    function heard(event: MessageEvent, topic?: string): void {
      if (left <= 0) return
      print(event, topic)
      if (--left <= 0) line.close()
    }
  })

  function subscribeTo(names: readonly string[]) {
    try {
      return names.map(name => Object.assign(line.subscribe(name, wish), { name }))
    } catch (error) {
      // One of them is no topic, or the id is none. The line would keep the process.
      line.close()
      throw error
    }
  }
}

/** Messages have names of the application's own: whatever is told passes here. */
function hearAll(speaker: Speaker, hear: (event: MessageEvent & { topic?: string }) => unknown): void {
  const { dispatchEvent } = speaker
  speaker.dispatchEvent = event => {
    if ('lastEventId' in event) hear(event as MessageEvent)
    return dispatchEvent.call(speaker, event)
  }
}

function printText({ type, data }: MessageEvent, topic: string | undefined): void {
  const before = [topic, type === 'message' ? undefined : type].filter(each => each !== undefined).join(' ')
  const text = isBytes(data)
    ? `${data.byteLength} bytes`
    : typeof data === 'string'
      ? data
      : JSON.stringify(data)
  process.stdout.write(`${before && `${before}: `}${text}\n`)
}

function printJson({ type, data, lastEventId: id }: MessageEvent, topic: string | undefined): void {
  const content = isBytes(data) ? { base64: Buffer.from(data).toString('base64') } : { data }
  process.stdout.write(
    `${JSON.stringify({ ...(topic !== undefined && { topic }), event: type, id, ...content })}\n`,
  )
}

function isBytes(data: unknown): data is ArrayBuffer {
  return data instanceof ArrayBuffer
}

function complain(text: string): void {
  process.stderr.write(`${text}\n`)
}

function reasonOf(event: Event): string {
  return (event as Event & { error?: Error }).error?.message ?? 'it failed'
}

function readNumber(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined
  const number = Number(text)
  if (Number.isSafeInteger(number) && number > 0) return number
  throw new UsageError(`${name} is '${text}'; it has to be a number, 1 or more`)
}
