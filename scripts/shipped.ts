import { readdirSync } from 'node:fs'

/** All that is in the package. What gets in or out of it does so here, in plain sight. */
const forPages = [
  'index',
  'core',
  'diagnose',
  'dialects/durable-streams',
  'dialects/mercure',
  'dialects/nchan',
  'dialects/plain',
  'dialects/socketio',
  'dialects/sockjs',
  'drop-in',
  'inspector',
  'iterate',
  'react',
  'report',
  'stream',
  'svelte',
  'trace',
  'transports/fetch-streaming',
  'transports/iframe',
  'transports/multipart',
  'transports/polling',
  'vue',
]
const ofModules = ['js', 'js.map', 'cjs']
const ofEntries = [...ofModules, 'd.ts', 'd.cts']

const moving = [
  'event-source',
  'event-source-polyfill',
  'fetch-event-source',
  'partysocket',
  'reconnecting-websocket',
  'socket.io-client',
  'sockjs-client',
]

const guides = [
  'behind-a-proxy',
  'chat',
  'history',
  'live-prices',
  'notifications',
  'outside-a-browser',
  'presence',
  'scaling',
  'workers-and-tabs',
]

export const shipped: readonly string[] = [
  'CHANGELOG.md',
  'LICENSE',
  'README.md',
  'SECURITY.md',
  'package.json',
  'docs/PROTOCOL.md',
  'docs/answers.md',
  'docs/check.md',
  'docs/compare.md',
  'docs/drop-in.md',
  'docs/ends.md',
  'docs/errors.md',
  'docs/growing.md',
  ...guides.map(name => `docs/guides/${name}.md`),
  'docs/hostile-servers.md',
  'docs/inspector.md',
  'docs/legacy.md',
  'docs/limits.md',
  'docs/load-balancers.md',
  'docs/moving/README.md',
  ...moving.map(name => `docs/moving/${name}.md`),
  'docs/operations.md',
  'docs/operations/dashboard.json',
  'docs/places.md',
  'docs/platforms.md',
  'docs/publishing.md',
  'docs/react.md',
  'docs/streams.md',
  'docs/svelte.md',
  'docs/testing.md',
  'docs/topics.md',
  'docs/trace.md',
  'docs/types.md',
  'docs/values.md',
  'docs/vue.md',
  'docs/write-a-log.md',
  ...forPages.flatMap(name => ofEntries.map(ending => `dist/${name}.${ending}`)),
  ...forPages.map(name => `dist/development/${name}.js`),
  ...['server', 'server/nats', 'testing', 'testing/log', 'testing/playwright'].flatMap(name =>
    ofEntries.map(ending => `dist/${name}.${ending}`),
  ),
  ...ofModules.map(ending => `dist/cli.${ending}`),
  ...[
    'throughline',
    'throughline.min',
    'throughline.legacy',
    'throughline-drop-in.min',
    'throughline-inspector.min',
  ].flatMap(name => [`dist/${name}.js`, `dist/${name}.js.map`]),
  // Where the source maps of the files for script tags lead.
  ...sources('src'),
  // Folders for readers that know no `exports`; see stubs.ts.
  ...forPages.filter(name => name !== 'index').map(name => `${name}/package.json`),
]

/** What entries have in common. Rollup names it after one of its modules, which changes with the code. */
const shared = /^dist\/(?:(?:development\/)?shared|node)\/[a-z-]+\.(?:js|js\.map|cjs|d\.ts|d\.cts)$/

function sources(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name =>
    name.endsWith('.ts'),
  )
  return names.map(name => `${folder}/${name.replaceAll('\\', '/')}`)
}

/** How what was packed differs from the list; nothing if it is the same. */
export function differences(packed: readonly string[]): string[] {
  const more = packed.filter(path => !shipped.includes(path) && !shared.test(path))
  const missing = shipped.filter(path => !packed.includes(path))
  return [
    ...more.map(path => `${path} is in the package and not listed in scripts/shipped.ts`),
    ...missing.map(path => `${path} is listed in scripts/shipped.ts and not in the package`),
  ]
}
