import { resolve } from 'node:path'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  // Examples in docs/examples import what whoever copies them does.
  resolve: { alias: [{ find: /^throughline\/(.*)$/, replacement: `${resolve('src')}/$1.ts` }] },
  test: {
    include: ['test/**/*.test.ts', 'server/**/*.test.ts'],
    // Limits, not expectations: a machine that is busy takes its time.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Many wait for a real server, so that a machine of two cores has time for a third.
    maxWorkers: 3,
  },
})
