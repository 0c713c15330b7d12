import { resolve } from 'node:path'
import { configDefaults, defineConfig } from 'vitest/config'

/** All about a hub but for what is Node's own: the options, HTTP's and WebSocket's bytes, and other servers. */
const onPlatforms = [
  ...[
    'access',
    'admission',
    'answers',
    'any-node',
    'bodies',
    'carried',
    'compression',
    'crowds',
    'fanout',
    'iframe',
    'life',
    'long-queries',
    'pipes',
  ],
  ...['presence', 'produce', 'publish', 'refusals', 'rights', 'roaming', 'room', 'sharing', 'tickets'],
  ...['token', 'topics', 'topics-gaps', 'untold', 'upward', 'values', 'volatile'],
]

/** Minutes by themselves, and of parts that seldom change: `npm run test:all` has them. */
const long = [
  'cli/check',
  'examples/servers',
  'server/redis-cluster',
  'server/redis-faults',
  'server/redis-sentinel',
  'server/round-robin',
].map(name => `test/${name}.test.ts`)

export default defineConfig({
  // Examples in docs/examples import what whoever copies them does.
  resolve: {
    alias: [
      { find: /^throughline\/(server|testing|testing\/log)$/, replacement: `${resolve('.')}/$1/index.ts` },
      { find: 'throughline/server/nats', replacement: resolve('server/nats.ts') },
      { find: /^throughline\/(.*)$/, replacement: `${resolve('src')}/$1.ts` },
      { find: /^throughline$/, replacement: resolve('src/index.ts') },
    ],
  },
  test: {
    projects: [
      {
        extends: true,
        test: { name: 'unit', include: ['test/**/*.test.ts'], exclude: [...configDefaults.exclude, ...long] },
      },
      { extends: true, test: { name: 'long', include: long } },
      // What a hub promises is promised too where it is served by `fetch`.
      {
        extends: true,
        test: {
          name: 'fetch',
          include: onPlatforms.map(name => `test/server/${name}.test.ts`),
          env: { STAND: 'fetch' },
        },
      },
    ],
    // Limits, not expectations: a machine that is busy takes its time.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Many wait for a real server, so that two cores have time for four at a time.
    maxWorkers: 4,
  },
})
