/** docs/guides show their programs whole, as e2e/examples/guides.spec.ts and e2e/network/behind-a-proxy.spec.ts run them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const programs = readdirSync('examples/guides')
const guides = readdirSync('docs/guides').map(
  file => [file, readFileSync(`docs/guides/${file}`, 'utf8')] as const,
)

describe.each(programs)('docs/guides/%s.md', name => {
  it.each(readdirSync(`examples/guides/${name}`))('quotes %s whole', file => {
    const [, language] = /\.m?(html|js)$/.exec(file) ?? []
    const quoted = `\n${readFileSync(`examples/guides/${name}/${file}`, 'utf8')}\`\`\`\n`
    const text = readFileSync(`docs/guides/${name}.md`, 'utf8')
    expect(text).toContain(language ? `\n\`\`\`${language}${quoted}` : quoted)
  })
})

it.each(guides)('the tests that docs/guides/%s names are there', (_, text) => {
  for (const [path] of text.matchAll(/\be2e\/[\w/-]+\.spec\.ts/g)) expect(existsSync(path), path).toBe(true)
  const specs = readFileSync('e2e/examples/guides.spec.ts', 'utf8')
  for (const [, name] of text.matchAll(/guides\.spec\.ts`.*: `([^`]+)`\.$/gm))
    expect(specs).toContain(`'${name}'`)
})

it('each program is named by the guide of its name', () => {
  expect(programs.length).toBeGreaterThan(5)
  for (const name of programs) expect(guides.map(([file]) => file)).toContain(`${name}.md`)
})
