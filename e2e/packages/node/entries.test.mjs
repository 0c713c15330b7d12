/** Every entry, by each way in which programs find it. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { describe, test } from 'node:test'

const require = createRequire(import.meta.url)
const { exports } = JSON.parse(readFileSync('node_modules/throughline/package.json', 'utf8'))
/** What runs in Node alone, which knows `exports`. */
const ofNode = /^\.\/(?:server|testing)/
const paths = Object.keys(exports).filter(path => path !== './package.json')

for (const path of paths) {
  const name = `throughline${path.slice(1)}`
  describe(name, () => {
    test('gives the same by import and by require', async () => {
      const imported = Object.keys(await import(name))
      assert.deepEqual(imported.sort(), Object.keys(require(name)).sort())
      assert.notDeepEqual(imported, [])
    })

    if (ofNode.test(path)) return
    test('is found where `exports` is not known, as Node finds the path of a folder', () => {
      assert.notDeepEqual(Object.keys(require(`./node_modules/${name}`)), [])
    })
  })
}
