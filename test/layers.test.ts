/** The arrows between the layers go one way. A file that wants a new one changes this table, in plain sight. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'

const here = 'src/here.ts'
const environment = 'src/environment.ts'
/** The types that both sides have in common. */
const messages = 'src/contracts/messages.ts'
const contracts = [here, environment, 'src/contracts/']
const attempt = ['src/attempt/', 'src/quiet-timer.ts']
/** An entry picks from everything beneath it. */
const below = [
  'src/contracts/',
  'src/outbox/',
  'src/connection/',
  'src/transports/',
  'src/dialects/',
  'src/wire/',
  environment,
  here,
]

/** What a framework's entry imports besides the framework, of which nothing else knows. */
const binding = [
  'src/bindings/',
  'src/connection/line.ts',
  'src/index.ts',
  messages,
  'src/contracts/subscription.ts',
  here,
]

const rooms = [
  'server/wire/',
  'server/http/',
  'server/sessions/',
  'server/presence/',
  'server/delivery/',
  'server/transports/',
]

/** Parts of the server that any room may use. */
const beside = [
  'server/options.ts',
  'server/http-error.ts',
  'server/printer.ts',
  'server/random.ts',
  'server/reported.ts',
  'server/patience.ts',
  'server/call-options.ts',
  'server/remembering.ts',
  'server/heap-size.ts',
  'server/operation/exposition.ts',
  'server/operation/record.ts',
  'server/operation/journal.ts',
  messages,
  'src/wire/',
  'node:',
]

/** Who may import what: a path that ends in `/` or `:` stands for all that begins so. The longest key that fits rules. */
const arrows: Record<string, string[]> = {
  'src/script-tag.ts': [
    'src/diagnose.ts',
    'src/iterate.ts',
    'src/report.ts',
    'src/setup/',
    'src/stream.ts',
    'src/usual.ts',
    ...below,
  ],
  'src/types.ts': ['src/setup/', ...below],
  'src/index.ts': ['src/setup/', 'src/usual.ts', 'src/types.ts', ...below],
  'src/core.ts': [
    'src/subscriptions/topics.ts',
    'src/connect.ts',
    'src/attempt/',
    'src/setup/',
    'src/race/',
    'src/types.ts',
    ...below,
  ],
  'src/usual.ts': ['src/subscriptions/topics.ts', 'src/tabs/shared.ts', 'src/setup/choose.ts', ...below],
  'src/tabs/': ['src/tabs/', 'src/attempt/single.ts', 'src/transports/http/', 'src/wire/', ...contracts],
  'src/diagnose.ts': [
    'src/usual.ts',
    'src/report.ts',
    'src/setup/',
    'src/connection/',
    'src/race/',
    ...contracts,
  ],
  'src/report.ts': ['src/connection/report.ts', 'src/words.ts'],
  'src/words.ts': ['src/contracts/failure.ts'],
  'src/trace.ts': ['src/connection/', 'src/wire/payload.ts', ...contracts],
  'src/inspector.ts': ['src/inspect/'],
  'src/inspect/': ['src/inspect/', 'src/trace.ts', 'src/report.ts', 'src/connection/', ...contracts],
  'src/iterate.ts': ['src/connection/events.ts', 'src/connection/line.ts', messages, here],
  'src/react.ts': [...binding, 'react'],
  'src/svelte.ts': [...binding, 'svelte/store'],
  'src/vue.ts': [...binding, 'vue'],
  'src/bindings/': [
    'src/bindings/',
    'src/connection/',
    'src/setup/',
    'src/stream/',
    'src/stream.ts',
    ...contracts,
  ],
  'src/drop-in.ts': ['src/drop-in/', here],
  'src/drop-in/': [
    'src/drop-in/',
    'src/native.ts',
    'src/stream/',
    'src/stream.ts',
    'src/setup/',
    'src/dialects/sockjs.ts',
    'src/core.ts',
    'src/words.ts',
    'src/transports/',
    'src/wire/',
    ...contracts,
  ],
  'src/stream.ts': ['src/stream/', here],
  'src/stream/': ['src/stream/', 'src/contracts/failure.ts', 'src/transports/http/', 'src/wire/', here],
  'src/connect.ts': ['src/setup/', 'src/connection/', ...contracts, 'src/wire/codec.ts'],
  // Only what names several transports knows of the race.
  'src/setup/choose.ts': ['src/setup/', 'src/connect.ts', 'src/connection/', 'src/race/', ...contracts],
  'src/setup/': ['src/setup/', 'src/connection/', ...contracts, 'src/wire/'],
  'src/connection/': [
    'src/connection/',
    'src/words.ts',
    'src/wire/codec.ts',
    'src/wire/payload.ts',
    ...contracts,
  ],

  'src/subscriptions/': [
    'src/subscriptions/',
    'src/connection/emitter.ts',
    'src/connection/events.ts',
    'src/connection/sending.ts',
    'src/iterate.ts',
    'src/wire/',
    ...contracts,
  ],
  'src/transports/': ['src/transports/http/', 'src/quiet-timer.ts', 'src/wire/', ...contracts],
  'src/race/': ['src/race/', ...attempt, ...contracts, 'src/wire/address.ts'],
  'src/attempt/': [...attempt, ...contracts],
  'src/quiet-timer.ts': [environment],
  'src/contracts/transport.ts': ['src/wire/codec.ts', ...contracts],
  'src/contracts/dialect.ts': ['src/wire/', ...contracts],
  'src/contracts/outbox.ts': ['src/wire/codec.ts', ...contracts],
  'src/contracts/frame.ts': ['src/contracts/', 'src/wire/codec.ts'],
  'src/contracts/send.ts': ['src/contracts/failure.ts', 'src/wire/codec.ts'],
  'src/contracts/say.ts': ['src/words.ts', 'src/contracts/'],
  'src/contracts/errors.ts': ['src/contracts/'],
  'src/contracts/subscription.ts': ['src/contracts/', here],
  'src/contracts/presence.ts': [here],
  'src/contracts/topics.ts': ['src/contracts/', 'src/wire/block.ts'],
  [messages]: [],
  'src/contracts/waiting.ts': [],
  'src/contracts/traits.ts': [],
  'src/contracts/failure.ts': [],
  'src/contracts/final-failures.ts': ['src/contracts/'],

  // A dialect's own parts, of which no other dialect knows.
  'src/dialects/': [
    'src/dialects/relay-events.ts',
    'src/dialects/replay-filter.ts',
    'src/outbox/',
    'src/wire/',
    ...contracts,
  ],
  'src/dialects/native.ts': [
    'src/dialects/exchange.ts',
    'src/dialects/long-query.ts',
    'src/outbox/',
    'src/wire/',
    ...contracts,
  ],
  'src/dialects/long-query.ts': ['src/dialects/exchange.ts', 'src/wire/', ...contracts],
  'src/outbox/': ['src/outbox/', 'src/wire/codec.ts', 'src/wire/payload.ts', ...contracts],

  'src/wire/': ['src/wire/'],
  'src/environment.ts': [here, 'src/native.ts'],
  'src/here.ts': [],

  // The program in the terminal: a server and a client at a time, each as its users have it.
  'cli/': ['cli/', 'server/index.ts', 'server/http/hosts.ts', 'src/wire/', 'node:', 'ws'],
  'cli/serve.ts': ['cli/', 'server/index.ts', 'server/nats.ts', 'server/http/hosts.ts', 'node:'],
  'cli/line.ts': ['cli/arguments.ts', 'src/transports/fetch-streaming.ts', 'ws'],
  'cli/listen.ts': ['cli/', 'src/index.ts'],
  'cli/diagnose.ts': ['cli/', 'src/diagnose.ts'],
  // What it checks is another's: it knows the wire, and nothing of our server.
  'cli/check/': ['cli/check/', 'src/wire/', 'node:', 'ws'],

  'server/': ['server/', messages, 'src/wire/', 'node:', 'ws'],
  // A room of the server sees those before it, and what several need that is in no room.
  'server/log/': ['server/log/', ...beside],
  'server/log/redis-link.ts': ['server/log/', 'server/operation/histogram.ts', 'node:', 'redis'],
  'server/log/nats-link.ts': [
    'server/log/',
    'server/random.ts',
    'node:',
    '@nats-io/jetstream',
    '@nats-io/transport-node',
  ],
  'server/log/nats-log.ts': ['server/log/', ...beside, '@nats-io/transport-node'],
  'server/log/nats-registry.ts': ['server/log/', '@nats-io/jetstream', '@nats-io/transport-node'],
  'server/wire/': ['server/wire/', 'server/log/log.ts', ...beside],
  'server/http/': ['server/http/', 'server/wire/', ...beside],
  'server/cluster/': ['server/cluster/', 'server/http/', 'server/wire/', 'server/log/log.ts', ...beside],
  'server/fetch/': ['server/fetch/', 'server/wire/', 'node:'],
  'server/sessions/': [...rooms.slice(0, 3), 'server/events.ts', 'server/log/log.ts', ...beside],
  'server/produce/': [
    'server/produce/',
    'server/wire/',
    'server/sessions/turns.ts',
    'server/log/log.ts',
    ...beside,
  ],
  'server/presence/': [...rooms.slice(0, 4), 'server/log/log.ts', ...beside],
  'server/delivery/': [...rooms.slice(0, 5), 'server/log/log.ts', ...beside],
  'server/transports/': [...rooms, 'server/context.ts', ...beside, 'ws'],

  'testing/': ['testing/', 'server/index.ts', 'server/options.ts', messages],
  'testing/log/': ['testing/log/', 'server/index.ts', 'src/wire/parser.ts', 'node:assert/strict'],
  'testing/playwright/': ['testing/playwright/', 'node:', '@playwright/test'],
}

const imports = new Map(sourceFiles().map(file => [file, importsOf(file)]))

test('every import follows an arrow of the table', () => {
  const strays = [...imports].flatMap(([file, targets]) => targets.flatMap(target => stray(file, target)))
  expect(strays).toEqual([])
})

test('no file imports itself by way of others', () => {
  const circles = [...imports.keys()].map(file => pathTo(file, file)).filter(way => way !== null)
  expect(circles.map(way => way.join(' → '))).toEqual([])
})

test('the table names only what exists', () => {
  const places = [...new Set(Object.entries(arrows).flat(2))]
  const inTree = places.filter(place => /^(src|server|testing|cli)\//.test(place))
  expect(inTree.filter(path => !existsSync(path))).toEqual([])
})

function sourceFiles(): string[] {
  return ['src', 'server', 'testing', 'cli'].flatMap(folder => {
    const paths = existsSync(folder) ? (readdirSync(folder, { recursive: true }) as string[]) : []
    return paths.filter(path => /(?<!\.test)\.ts$/.test(path)).map(path => join(folder, path))
  })
}

function importsOf(file: string): string[] {
  const { importedFiles } = ts.preProcessFile(readFileSync(file, 'utf8'))
  return importedFiles.map(({ fileName }) =>
    fileName.startsWith('.') ? join(dirname(file), fileName) : fileName,
  )
}

function stray(file: string, target: string): string[] {
  const layer = longest(Object.keys(arrows).filter(place => covers(place, file)))
  if (layer === undefined) return [`${file} belongs to no layer of the table`]
  const allowed = arrows[layer] ?? []
  if (allowed.some(place => covers(place, target))) return []
  return [`${file} → ${target}: ${layer} may import ${allowed.join(', ') || 'nothing'}`]
}

function covers(place: string, path: string): boolean {
  return /[/:]$/.test(place) ? path.startsWith(place) : path === place
}

function longest(paths: string[]): string | undefined {
  return paths.sort((one, other) => other.length - one.length)[0]
}

/** The way from `file` to `start`, for whoever has to cut it. */
function pathTo(start: string, file: string, seen = new Set<string>()): string[] | null {
  for (const target of imports.get(file) ?? []) {
    if (target === start) return [file, start]
    if (seen.has(target)) continue
    const rest = pathTo(start, target, seen.add(target))
    if (rest) return [file, ...rest]
  }
  return null
}
