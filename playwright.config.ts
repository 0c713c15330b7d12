import { defineConfig } from '@playwright/test'
import { engines } from './e2e/fixtures/engines.ts'

/** What the engines differ in most. */
const differing = ['transports', 'refusals', 'values', 'engines', 'readme', 'demo'].map(
  name => `**/${name}.spec.ts`,
)

/** Other people's servers, middleboxes, and every byte at which a stream can be cut: minutes each, in every engine. */
const long = ['servers', 'network', 'delivery'].map(folder => `**/${folder}/**`)

/** `npm test` tries the shorter ones in Chromium and what differs in the others; `npm run test:all` and `npm run e2e` try all in each. */
const projects =
  process.env.E2E === 'selection'
    ? engines.map(engine =>
        engine.name === 'chromium' ? { ...engine, testIgnore: long } : { ...engine, testMatch: differing },
      )
    : engines

export default defineConfig({
  testDir: 'e2e',
  outputDir: 'test-results/e2e',
  reporter: [['list'], ['json', { outputFile: 'test-results/e2e.json' }]],
  projects,
  workers: 2,
  fullyParallel: true,
  // A test that passes at the second try has found something; a retry would hide it.
  retries: 0,
  // Limits, not expectations: two browsers share two cores with their servers, and a line that was cut often waits by design.
  timeout: 60_000,
  expect: { timeout: 15_000 },
  forbidOnly: Boolean(process.env.CI),
})
