import { defineConfig } from '@playwright/test'
import { engines } from './e2e/fixtures/engines.ts'

/** What the engines differ in most. */
const differing = ['transports', 'refusals', 'values', 'engines', 'readme'].map(name => `**/${name}.spec.ts`)

/** Other people's servers, middleboxes, every byte at which a stream can be cut, the letter of EventSource, the demo, answers that come in pieces, frameworks, and what waits by design: minutes each. And the site of the docs, which is built for all tests only. */
const long = [
  ...['servers', 'network', 'delivery', 'conformance', 'drop-in', 'places', 'bindings', 'examples'].map(
    folder => `**/${folder}/**/*.spec.ts`,
  ),
  ...[
    'life',
    'docs',
    'page-life',
    'more-transports',
    'demo',
    'demo-line',
    'demo-rooms',
    'demo-answers',
    'produce',
    'stream',
    'legacy',
    'shared',
  ].map(name => `e2e/${name}.spec.ts`),
]

/** The projects that the package is installed into have tests of their own, for tools of their own. */
const theirs = '**/e2e/packages/**'

/** `npm test` tries a selection: the shorter ones in Chromium, and what differs in the others. `npm run test:all` tries the rest as well. */
const isSelection = process.env.E2E === 'selection'
const projects =
  isSelection || process.env.E2E === 'rest'
    ? engines.map(engine => {
        const isChromium = engine.name === 'chromium'
        const files = isChromium ? long : differing
        // The selection has what differs in the other engines, and in Chromium all that is not long; the rest has the rest.
        return isSelection === isChromium
          ? { ...engine, testIgnore: [theirs, ...files] }
          : { ...engine, testIgnore: theirs, testMatch: files }
      })
    : engines.map(engine => ({ ...engine, testIgnore: theirs }))

export default defineConfig({
  testDir: 'e2e',
  outputDir: 'test-results/e2e',
  reporter: [['list'], ['json', { outputFile: `test-results/e2e-${process.env.E2E ?? 'all'}.json` }]],
  projects,
  // Most of what the rest does is to wait: two cores are half busy with three at a time.
  workers: process.env.E2E === 'rest' ? 4 : 2,
  fullyParallel: true,
  // A test that passes at the second try has found something; a retry would hide it.
  retries: 0,
  // Limits, not expectations: two browsers share two cores with their servers, and a line that was cut often waits by design.
  timeout: 90_000,
  expect: { timeout: 30_000 },
  forbidOnly: Boolean(process.env.CI),
})
