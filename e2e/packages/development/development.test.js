/**
 * A bundler that asks for the condition `development` gets whole sentences, checks and warnings; every other gets codes and none of those. Both
 * are bundled, and run.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import resolve from '@rollup/plugin-node-resolve'
import { build } from 'esbuild'
import { rollup } from 'rollup'

const ofChecks = 'an object with encode and decode'
const ofSentences = ' could not be reached'
const ofWarnings = 'console.warn'
const all = [ofChecks, ofSentences, ofWarnings]

for (const entry of ['imported', 'core']) {
  for (const [bundler, bundle] of Object.entries({ esbuild: byEsbuild, rollup: byRollup })) {
    test(`${entry}, by ${bundler}`, async () => {
      const file = `src/${entry}.js`
      compare(await bundle(file, ['development']), await bundle(file, []), all)
    })
  }
}

test('what is required is as in production', async () => {
  const development = await byEsbuild('src/imported.js', ['development'])
  compare(development, await byEsbuild('src/required.cjs', ['development']), all)
})

// Both have the sentences, for `explain()`.
test('throughline.js as a script tag, beside throughline.min.js', async () => {
  const page = await byEsbuild('src/script-tag.js', [])
  const [development, production] = ['throughline.js', 'throughline.min.js'].map(
    name => `${readFileSync(`node_modules/throughline/dist/${name}`, 'utf8')}\n${page}`,
  )
  compare(development, production, [ofChecks, ofWarnings])
})

async function byEsbuild(file, conditions) {
  const { outputFiles } = await build({ entryPoints: [file], conditions, bundle: true, write: false })
  return outputFiles[0].text
}

async function byRollup(input, exportConditions) {
  const bundle = await rollup({ input, plugins: [resolve({ exportConditions })] })
  const { output } = await bundle.generate({ format: 'iife' })
  return output[0].code
}

function compare(development, production, left) {
  const [long, short] = [said(development), said(production)]
  assert.deepEqual([long.checks, short.checks], [true, false])
  assert.deepEqual([long.code, long.kind, long.full.code], [short.code, short.kind, short.full.code])
  assert(short.message.includes(short.code), short.message)
  assert(long.message.length > short.message.length, long.message)
  assert(long.full.message.length > short.full.message.length, long.full.message)
  for (const words of left) {
    assert(development.includes(words), `development lacks: ${words}`)
    assert(!production.includes(words), `production has: ${words}`)
  }
}

function said(program) {
  const { stdout, stderr } = spawnSync(process.execPath, ['-'], { input: program, encoding: 'utf8' })
  assert.notEqual(stdout, '', stderr)
  return JSON.parse(stdout)
}
