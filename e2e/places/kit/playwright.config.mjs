import { defineConfig } from '@playwright/test'

const { PORT, LAUNCH } = process.env

export default defineConfig({
  testDir: '.',
  testMatch: 'app.mjs',
  outputDir: 'results',
  reporter: 'json',
  use: { baseURL: `http://127.0.0.1:${PORT}`, launchOptions: JSON.parse(LAUNCH) },
  webServer: { command: 'node server.mjs', url: `http://127.0.0.1:${PORT}` },
})
