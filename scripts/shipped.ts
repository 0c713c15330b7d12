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
  'iterate',
  'report',
  'stream',
  'transports/fetch-streaming',
  'transports/iframe',
  'transports/multipart',
  'transports/polling',
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

export const shipped: readonly string[] = [
  'CHANGELOG.md',
  'LICENSE',
  'README.md',
  'SECURITY.md',
  'package.json',
  'docs/PROTOCOL.md',
  'docs/answers.md',
  'docs/drop-in.md',
  'docs/ends.md',
  'docs/errors.md',
  'docs/growing.md',
  'docs/hostile-servers.md',
  'docs/limits.md',
  'docs/load-balancers.md',
  'docs/moving/README.md',
  ...moving.map(name => `docs/moving/${name}.md`),
  'docs/places.md',
  'docs/streams.md',
  'docs/topics.md',
  'docs/types.md',
  'docs/values.md',
  ...forPages.flatMap(name => ofEntries.map(ending => `dist/${name}.${ending}`)),
  ...forPages.map(name => `dist/development/${name}.js`),
  ...ofEntries.map(ending => `dist/server.${ending}`),
  ...ofModules.map(ending => `dist/serve.${ending}`),
  ...['throughline', 'throughline.min', 'throughline-drop-in.min'].flatMap(name => [
    `dist/${name}.js`,
    `dist/${name}.js.map`,
  ]),
  // Folders for readers that know no `exports`; see stubs.ts.
  ...forPages.filter(name => name !== 'index').map(name => `${name}/package.json`),
]

/** What entries have in common. Rollup names it after one of its modules, which changes with the code. */
const shared = /^dist\/(?:development\/)?shared\/[a-z-]+\.(?:js|js\.map|cjs|d\.ts|d\.cts)$/

/** How what was packed differs from the list; nothing if it is the same. */
export function differences(packed: readonly string[]): string[] {
  const more = packed.filter(path => !shipped.includes(path) && !shared.test(path))
  const missing = shipped.filter(path => !packed.includes(path))
  return [
    ...more.map(path => `${path} is in the package and not listed in scripts/shipped.ts`),
    ...missing.map(path => `${path} is listed in scripts/shipped.ts and not in the package`),
  ]
}
