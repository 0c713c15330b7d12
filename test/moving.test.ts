/** What the pages of docs/moving show, before and after, compiles against the real packages. */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { complaints } from './support/compile.ts'

const pages = readdirSync('docs/moving').filter(name => name !== 'README.md')
const text = (name: string) => readFileSync(`docs/moving/${name}`, 'utf8')

/** Each block is a module of its own. */
const samples = new Map(
  pages.flatMap(name =>
    [...text(name).matchAll(/^## (.*?)\n```ts\n(.*?)^```/gms)].map(
      ([, heading = '', code = '']) => [`docs/moving/${name} ${heading}.ts`, `${code}\nexport {}\n`] as const,
    ),
  ),
)

/** What a page has already. */
const given = new Map([
  [
    'docs/moving/given.d.ts',
    `declare function show(text: string): void
     declare function token(): string
     declare function ticket(): string`,
  ],
])

it('each page has code from before and after', () => {
  expect(pages).toHaveLength(7)
  for (const name of pages) {
    const headings = [...samples.keys()].filter(path => path.includes(`/${name} `))
    expect(headings[0], name).toContain('Before')
    expect(headings.length, name).toBeGreaterThan(1)
  }
})

it('all of it compiles', () => {
  expect(complaints(samples, given)).toEqual([])
})

it('what would not compile is found', () => {
  const wrong = new Map([['docs/moving/wrong.ts', 'show(1)\nexport {}\n']])
  expect(complaints(wrong, given)).toEqual([
    `docs/moving/wrong.ts: Argument of type 'number' is not assignable to parameter of type 'string'.`,
  ])
})

it('the overview names each page', () => {
  for (const name of pages) expect(text('README.md')).toContain(`](${name})`)
})
