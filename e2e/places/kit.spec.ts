/** `throughline/testing/playwright` as the package brings it, in a project of somebody else's. */
import { spawn } from 'node:child_process'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { startNetwork } from '../../testing/playwright/index.ts'
import { freePort } from '../fixtures/free-port.ts'
import { expect, test } from '../fixtures/test.ts'
import { makeProject } from './project.ts'
import { folder } from './runtimes.ts'

interface Report {
  readonly stats: { readonly expected: number; readonly unexpected: number; readonly skipped: number }
  readonly errors: { message: string }[]
}

test.skip(({ browserName }) => browserName !== 'chromium', 'it is the kit that is tried: once is enough')

test('tests of an application have a network that does as they say', async ({ launchOptions }) => {
  test.setTimeout(300_000)
  await makeProject()
  const child = spawn(
    process.execPath,
    [resolve('node_modules/@playwright/test/cli.js'), 'test', '--workers=1'],
    {
      cwd: join(folder, 'kit'),
      env: {
        ...process.env,
        PORT: `${await freePort()}`,
        LAUNCH: JSON.stringify(launchOptions),
        TEST_WORKER_INDEX: '',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const told = await text(child.stdout)
  const { stats, errors } = JSON.parse(told.slice(told.indexOf('{'))) as Report
  expect(errors).toEqual([])
  expect(stats, told).toMatchObject({ expected: 10, unexpected: 0, skipped: 0 })
})

test('an address that cannot be is named', async () => {
  await expect(startNetwork('')).rejects.toThrow('this is "": set baseURL')
  await expect(startNetwork('https://localhost:3000')).rejects.toThrow('over http')
})
