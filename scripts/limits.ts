/**
 * Makes docs/limits.md from the code: `npm run limits`. Numbers are those that the code goes by, words the docstrings of the options.
 * test/limits.test.ts fails when the page is no longer what this makes.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import ts from 'typescript'
import { life as ticketLife } from '../server/http/tickets.ts'
import { retainTable } from '../server/log/memory-log.ts'
import { type Bound, limitTable, optionTable } from '../server/options.ts'
import { most as mostPrinted, within as printedWithin } from '../server/printer.ts'
import { mostPieces } from '../server/transports/websocket-server.ts'
import { longest, shortest } from '../src/connection/backoff.ts'
import { longestId } from '../src/connection/position.ts'
import { during } from '../src/race/preference.ts'
import { usualLimits } from '../src/setup/options.ts'
import { apart, burst } from '../src/transports/http/poll-pacing.ts'
import { websocket } from '../src/transports/websocket.ts'
import { largestHeader } from '../src/wire/multipart.ts'

/** One row of the page. */
export interface Row {
  name: string
  what: string
  usual: string
  /** As the docstring says it; `undefined` where there is none. */
  said?: string | undefined
  unit: string
  beyond: string
  counters: string
}

const files = new Map<string, ts.SourceFile>()

const heap = 'a quarter of the memory that Node gives to its heap'

export const server: Row[] = [
  ...Object.entries(limitTable).map(([name, bound]) =>
    row('server/options.ts', 'Limits', name, shown(bound), 'limits.'),
  ),
  ...Object.entries(optionTable).map(([name, bound]) => row('server/options.ts', 'HubOptions', name, bound)),
  ...Object.entries(retainTable).map(([name, bound]) =>
    row('server/log/memory-log.ts', 'MemoryLogOptions', name, shown(bound)),
  ),
  fixed('pieces of one WebSocket message', mostPieces, 'frames', 'the WebSocket is closed with 1008'),
  fixed(
    'age of a ticket',
    ticketLife,
    'ms',
    '401, for the transport that used it; the page fetches another one',
  ),
  fixed(
    'errors that are printed',
    mostPrinted,
    `in ${number(printedWithin)} ms`,
    'it is printed how many more there were; `hub.on("error")` hears them all',
  ),
]

const waiting = '`report()`'

export const page: Row[] = [
  ...Object.entries(usualLimits).map(([name, usual]) =>
    row(
      'src/setup/options.ts',
      'LineLimits',
      name,
      { usual, unit: unitOf(name), counters: name === 'received' ? '`gap` events' : '' },
      'limits.',
    ),
  ),
  fixed(
    'least pause after a try that failed',
    shortest,
    'ms',
    'a try that follows a failed one comes no earlier',
    waiting,
  ),
  fixed('longest pause', longest, 'ms', 'the wait grows no further, jitter and `retry` aside', waiting),
  fixed(
    'requests at once',
    burst,
    'requests',
    `the next are ${apart.told} ms apart, on each channel that asks, and ${apart.unknown} where the server keeps no account of what was heard`,
  ),
  fixed(
    'WebSockets that fail',
    websocket.attemptLimit as number,
    `in ${number(during)} ms`,
    'another transport is used meanwhile',
    waiting,
  ),
  fixed(
    'id of a message',
    longestId,
    'characters',
    'the message is passed over, told by a `gap` event whose reason is `too large`, and the line goes on after the one before',
    '`gap` events',
  ),
  fixed('headers of a part (multipart)', largestHeader, 'bytes', 'the channel ends, and is opened anew'),
]

/** Numbers as they are; what depends on the machine in words. */
function shown({ usual, ...bound }: Bound): Omit<Bound, 'usual'> & { usual: number | string } {
  return { ...bound, usual: typeof usual === 'number' ? usual : heap }
}

function unitOf(name: string): string {
  return { messages: 'messages', bytes: 'bytes', age: 'ms', received: 'characters' }[name] ?? name
}

function fixed(name: string, usual: number, unit: string, beyond: string, counters = ''): Row {
  return { name, what: 'No option.', usual: number(usual), unit, beyond, counters }
}

function row(
  file: string,
  type: string,
  name: string,
  { usual, unit, counters }: Omit<Bound, 'usual'> & { usual: number | string },
  before = '',
): Row {
  const { text, said } = docOf(file, type, name)
  const at = text.search(/\b(More|Sooner|Without)\b.*?: |; more: /)
  const what = at < 0 ? text : text.slice(0, at)
  const beyond = at < 0 ? '' : text.slice(at).replace(/^;? ?[Mm]ore: /, '')
  return {
    name: `\`${before}${name}\``,
    what: what.trim(),
    usual: number(usual),
    said,
    unit,
    beyond,
    counters,
  }
}

/** The docstring of a property. */
function docOf(file: string, type: string, name: string): { text: string; said: string | undefined } {
  const source =
    files.get(file) ?? ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true)
  files.set(file, source)
  const property = source.statements
    .filter(ts.isInterfaceDeclaration)
    .filter(each => each.name.text === type)
    .flatMap(each => [...each.members])
    .find(each => each.name?.getText() === name)
  if (!property) throw new Error(`${file} has no ${type}.${name}`)
  const [doc] = ts.getJSDocCommentsAndTags(property).filter(ts.isJSDoc)
  const oneLine = (comment: string | ts.NodeArray<ts.JSDocComment> | undefined) =>
    ts.getTextOfJSDocComment(comment)?.replace(/\s+/g, ' ').trim()
  const [tag] = doc?.tags?.filter(each => each.tagName.text === 'default') ?? []
  return { text: oneLine(doc?.comment) ?? '', said: oneLine(tag?.comment) }
}

function number(value: number | string): string {
  return typeof value === 'number' ? value.toLocaleString('en') : value
}

export function write(): string {
  return `# Limits

Made from the code by \`npm run limits\`; a test fails when it is stale. What is beyond a limit is never dropped in silence: whoever sent it is told, or whoever would have heard it is, by a \`gap\`.

## The server

Options of \`createHub\`; \`retain…\` and \`expire\` also of \`memoryLog\`. The last column says what counts it in \`hub.stats()\`.

${table(server)}

The log in Redis has \`retain\` and \`expire\` too; its bytes are bounded by the \`maxmemory\` of Redis ([more](growing.md#redis)). An id of ours has at most 64 characters of \`[0-9A-Za-z._~-]\`; whoever asks with another one is told by a \`gap\` whose reason is \`unknown\`.

## The page

Options of \`connect\`, and numbers that are no options. Foreign servers' ids are theirs, in any form.

${table(page)}
`
}

function table(rows: readonly Row[]): string {
  const lines = rows.map(each => {
    const cells = [each.name, each.what, each.usual, each.unit, each.beyond, each.counters]
    return `| ${cells.map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`
  })
  return ['| name | what | default | unit | beyond | counter |', '|---|---|---|---|---|---|', ...lines].join(
    '\n',
  )
}

if (process.argv[1]?.endsWith('limits.ts')) writeFileSync('docs/limits.md', write())
