/** The program that comes with the package: `npx throughline`. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

const run = (...args) => execFileSync('node_modules/.bin/throughline', args, { encoding: 'utf8' })

test('says its version', () => {
  const { version } = JSON.parse(readFileSync('node_modules/throughline/package.json', 'utf8'))
  assert.equal(run('--version').trim(), version)
})

for (const command of ['serve', 'publish', 'listen', 'diagnose', 'check'])
  test(`${command} has help`, () => assert.ok(run(command, '--help').startsWith(`throughline ${command}`)))
