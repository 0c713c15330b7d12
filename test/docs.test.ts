/** What the pages say that can be checked: the API reference is what the docstrings say, and every link leads somewhere. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { write } from '../scripts/docs.ts'

describe('docs/api', () => {
  it('is what the docstrings say, and every public name has one', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'throughline-api-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    expect(await write(folder)).toEqual([])
    expect(pagesIn('docs/api'), 'run `npm run docs:api`').toEqual(pagesIn(folder))
    for (const page of pagesIn(folder))
      expect(textOf('docs/api', page), `docs/api/${page}: run \`npm run docs:api\``).toBe(
        textOf(folder, page),
      )
    // A limit, not an expectation: TypeScript reads all of the project, on a machine that may be busy.
  }, 300_000)
})

/** Where the README's links lead, which npm's page shows and an installed package has, without the tree around it. */
const site = 'https://github.com/throughline-js/throughline'

describe('links', () => {
  it.each(allPages())('of %s lead to files that are there', page => {
    const inTree = linksOf(page).filter(link => !/^[a-z]+:/.test(link))
    expect(inTree.filter(link => !existsSync(join(dirname(page), link)))).toEqual([])
    const onSite = linksOf(page).filter(link => link.startsWith(site))
    expect(onSite.filter(link => !isOnSite(link))).toEqual([])
  })

  it('of README.md are whole, so that they work wherever it is shown', () => {
    expect(linksOf('README.md').length).toBeGreaterThan(20)
    expect(linksOf('README.md').filter(link => !link.startsWith('https://'))).toEqual([])
  })

  it('of package.json lead to the same place', () => {
    const { homepage, repository, bugs } = JSON.parse(readFileSync('package.json', 'utf8'))
    expect({ homepage, repository, bugs }).toEqual({
      homepage: `${site}#readme`,
      repository: { type: 'git', url: `git+${site}.git` },
      bugs: { url: `${site}/issues` },
    })
  })
})

describe('docs/examples', () => {
  it.each(readdirSync('docs/examples'))('%s is quoted whole by a page, as it is tested', name => {
    const quoted = `\n\`\`\`ts\n${readFileSync(`docs/examples/${name}`, 'utf8')}\`\`\`\n`
    const pages = allPages().map(page => readFileSync(page, 'utf8'))
    expect(pages.filter(text => text.includes(quoted))).toHaveLength(1)
    expect(existsSync(`test/examples/${name.replace('.ts', '.test.ts')}`)).toBe(true)
  })
})

describe('examples', () => {
  it.each([
    ...[
      'bun/server.js',
      'deno/server.js',
      'fastify/server.js',
      'hono/server.js',
      'cloudflare/worker.js',
      'cloudflare/wrangler.jsonc',
      'next/app/live/route.js',
    ].map(file => [`examples/${file}`, 'docs/platforms.md'] as const),
    ['test/testing/example.test.ts', 'docs/testing.md'] as const,
  ])('%s is quoted whole by %s', (file, page) => {
    expect(readFileSync(page, 'utf8')).toContain(`\n${readFileSync(file, 'utf8')}\`\`\`\n`)
  })
})

describe('CONTRIBUTING.md', () => {
  const text = readFileSync('CONTRIBUTING.md', 'utf8')

  it('shows the tree as it is', () => {
    const [, tree = ''] = /^```\n(src\/.*?)^```/ms.exec(text) ?? []
    let folders: string[] = []
    for (const line of tree.trimEnd().split('\n')) {
      const [, indent = '', names = ''] = /^( *)([^\s,]+(?:, [^\s,]+)*)/.exec(line) ?? []
      folders = folders.slice(0, indent.length / 2)
      for (const name of names.split(', '))
        expect(existsSync(join(...folders, name)), join(...folders, name)).toBe(true)
      if (names.endsWith('/')) folders = [...folders, names]
    }
  })

  it('walks through functions that are where it says', () => {
    const rows = [...text.matchAll(/^\| `((?:src|server)\/[^|]*) \|([^|]*)\|/gm)]
    expect(rows.length).toBeGreaterThan(25)
    for (const [, files = '', functions = ''] of rows) {
      const paths = files.match(/(?:src|server)\/[\w/.-]+/g) ?? []
      expect(paths.filter(path => !existsSync(path))).toEqual([])
      for (const [, name] of functions.matchAll(/`(\w+)`/g))
        expect(readFileSync(paths[0] as string, 'utf8')).toMatch(new RegExp(`\\b${name}\\b( =|\\(|:|<)`))
    }
  })

  it('has fewer than 25 words of its own', () => {
    const words = text.slice(text.indexOf('## Words')).match(/^\| (?!word)\w[^|]* \|/gm) ?? []
    expect(words.length).toBeGreaterThan(15)
    expect(words.length).toBeLessThan(25)
  })
})

/** Where a page's links lead, without the place on the page; those to a place on the same page are left out. */
function linksOf(page: string): string[] {
  const text = readFileSync(page, 'utf8').replace(/^```.*?^```/gms, '')
  return [...text.matchAll(/\]\(([^)\s#]+)(?:#[^)]*)?\)/g)].map(([, link]) => link as string)
}

/** Whether the link is one to a file or folder of this tree, each of which the site shows at an address of its own. */
function isOnSite(link: string): boolean {
  const [, kind, path = ''] = /^\/(blob|tree)\/main\/(.+)/.exec(link.slice(site.length)) ?? []
  return existsSync(path) && statSync(path).isDirectory() === (kind === 'tree')
}

function pagesIn(folder: string): string[] {
  return (readdirSync(folder, { recursive: true }) as string[]).filter(path => path.endsWith('.md')).sort()
}

function textOf(folder: string, page: string): string {
  return readFileSync(join(folder, page), 'utf8')
}

function allPages(): string[] {
  const inRoot = readdirSync('.').filter(path => path.endsWith('.md'))
  return [...inRoot, ...pagesIn('docs').map(page => `docs/${page}`), 'e2e/packages/README.md']
}
