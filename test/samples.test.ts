/** What README.md and docs import is there: here by the source of each entry, in `npm run packages` by the built package. */
import { expect, it } from 'vitest'
import { entries, sourceOf } from '../scripts/entries.ts'
import { exportsOf, importsOf, pages, unimported, wrongImports } from '../scripts/samples.ts'

const exported = exportsOf(
  new Map(
    entries.map(entry => [entry === 'index' ? 'throughline' : `throughline/${entry}`, sourceOf(entry)]),
  ),
)

it('every import in README.md and docs names what the entry exports', () => {
  expect(pages().flatMap(importsOf).length).toBeGreaterThan(20)
  expect(wrongImports(pages(), exported)).toEqual([])
})

it('every sample there imports what it uses of ours, or an earlier one of its page does', () => {
  expect(unimported(pages(), exported)).toEqual([])
})

it.each([
  ["import { plain } from 'throughline'", 'page.md:3: throughline does not export plain'],
  ["import { connect, type Nothing } from 'throughline'", 'page.md:3: throughline does not export Nothing'],
  [
    "import {\n  connect as open,\n  diagnose as look,\n} from 'throughline'",
    'page.md:3: throughline does not export diagnose',
  ],
  [
    "import { explain } from 'throughline/reports'",
    'page.md:3: the package has no entry throughline/reports',
  ],
])('a wrong import, %j, is found', (code, said) => {
  const text = `# Page\n\`\`\`ts\n${code}\n\`\`\`\n`
  expect(wrongImports([{ path: 'page.md', text }], exported)).toEqual([said])
})

it('a type may be imported', () => {
  const text =
    "import type { Dialect, Options } from 'throughline'\nimport { type Hub } from 'throughline/server'"
  expect(importsOf({ path: 'page.md', text })).toHaveLength(3)
  expect(wrongImports([{ path: 'page.md', text }], exported)).toEqual([])
})

it('a wrong import is found in the middle of a sentence', () => {
  const text = "Ask for it by `import { events } from 'throughline'`."
  expect(wrongImports([{ path: 'page.md', text }], exported)).toEqual([
    'page.md:1: throughline does not export events',
  ])
})

it('a name that is used and not imported is found, and no key, property or name of the sample’s own', () => {
  const imports = "```js\nimport { connect } from 'throughline'\n```\n"
  const uses = "```js\nconnect('/live', { dialect: plain })\n```\n"
  const own = '```js\nconst { json } = at.events; use({ native: at.plain, json })\n```\n'
  const page = (text: string) => [{ path: 'page.md', text }]
  expect(unimported(page(imports + uses + own), exported)).toEqual([
    'page.md:4: plain is used and not imported',
  ])
  expect(unimported(page(uses + imports), exported)).toEqual([
    'page.md:1: connect is used and not imported',
    'page.md:1: plain is used and not imported',
  ])
})
