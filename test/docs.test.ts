/** What the pages say that can be checked: the API reference is what the docstrings say, and every link leads somewhere. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { write } from '../scripts/docs.ts'

describe('docs/api', () => {
  it('is what the docstrings say, and every public name has one', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'throughline-api-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    expect(await write(folder)).toEqual([])
    expect(pagesIn('docs/api'), 'run `npm run docs`').toEqual(pagesIn(folder))
    for (const page of pagesIn(folder))
      expect(textOf('docs/api', page), `docs/api/${page}: run \`npm run docs\``).toBe(textOf(folder, page))
  })
})

describe('links', () => {
  it.each(allPages())('of %s lead to files that are there', page => {
    const text = readFileSync(page, 'utf8').replace(/^```.*?^```/gms, '')
    const links = [...text.matchAll(/\]\(([^)\s#]+)(?:#[^)]*)?\)/g)].map(([, link]) => link as string)
    const inTree = links.filter(link => !/^[a-z]+:/.test(link))
    expect(inTree.filter(link => !existsSync(join(dirname(page), link)))).toEqual([])
  })
})

describe('code', () => {
  it.each(allPages())('in %s imports what there is', async page => {
    const imports = readFileSync(page, 'utf8').matchAll(/import \{([^}]*)\} from '(throughline[\w/-]*)'/g)
    for (const [, names = '', path = ''] of imports) {
      const module = await import(/* @vite-ignore */ `../${sourceOf(path)}`)
      for (const name of names.split(',').map(each => each.trim()))
        if (name && !name.startsWith('type ')) expect(module, `${name} in ${page}`).toHaveProperty(name)
    }
  })
})

/** Where the module is that a page imports by this path. */
function sourceOf(path: string): string {
  const [, entry = 'index'] = path.split(/\/(.*)/)
  return entry === 'server' ? 'server/index.ts' : `src/${entry}.ts`
}

function pagesIn(folder: string): string[] {
  return (readdirSync(folder, { recursive: true }) as string[]).filter(path => path.endsWith('.md')).sort()
}

function textOf(folder: string, page: string): string {
  return readFileSync(join(folder, page), 'utf8')
}

function allPages(): string[] {
  const inRoot = readdirSync('.').filter(path => path.endsWith('.md'))
  return [...inRoot, ...pagesIn('docs').map(page => `docs/${page}`)]
}
