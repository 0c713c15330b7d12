/** docs/faults.md says which test tries which fault, docs/advisories.md the same of others' faults, docs/hostile-servers.md of what a server may do; none may name one that is gone. */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import ts from 'typescript'
import { describe, expect, test } from 'vitest'

interface Row {
  readonly fault: string
  readonly tests: readonly { readonly file: string; readonly name: string }[]
}

describe.each([
  ['docs/faults.md', 60],
  ['docs/advisories.md', 15],
  ['docs/hostile-servers.md', 10],
])('%s', (page, least) => {
  const rows = readRows(readFileSync(page, 'utf8'))

  test('has a row for each fault', () => {
    expect(rows.length).toBeGreaterThan(least)
  })

  test.each(rows)('$fault: there is such a test', ({ tests }) => {
    expect(tests.length).toBeGreaterThan(0)
    expect(tests.filter(({ file, name }) => !exists(file, name))).toEqual([])
  })
})

describe('a name', () => {
  const source = `
    describe('a wall', () => { for (const via of ['east', 'west']) test(\`stands to the \${via}, \${2} m\`, () => {}) })
    test.each([['high', 403]])('is %s', () => {})
    expect('nothing').toBe('a test')`

  test.each(['a wall', 'stands to the east, 2 m', 'a wall › is high', 'is 403'])('%j is found', name => {
    expect(isNamed(name, namesIn('x.ts', source))).toBe(true)
  })

  test.each(['a wal', 'stands to the north, 2 m', 'a wall › is low', 'nothing', 'is '])('%j is not', name => {
    expect(isNamed(name, namesIn('x.ts', source))).toBe(false)
  })
})

/** The rows of all tables: a fault, and the tests as `file`: `name`. */
function readRows(text: string): Row[] {
  return [...text.matchAll(/^\| (.*?) \| (.*) \|$/gm)]
    .map(([, fault = '', cell = '']) => ({ fault, tests: readTests(cell) }))
    .filter(({ fault }) => !['fault', 'advisory', 'what'].includes(fault))
}

function readTests(cell: string): Row['tests'] {
  return [...cell.matchAll(/`([^`]+\.(?:ts|json))`: `([^`]+)`/g)].map(([, file = '', name = '']) => ({
    file,
    name,
  }))
}

function exists(file: string, name: string): boolean {
  return existsSync(file) && isNamed(name, namesOf(file))
}

/** What tests are called in a file, and the words that its names may be put together from. */
interface Names {
  readonly titles: readonly RegExp[]
  readonly words: readonly RegExp[]
}

/** `describe › test`: each of them is there. What stands for a word in a title has to be there too, as it is or as %j shows it. */
function isNamed(name: string, { titles, words }: Names): boolean {
  const isWord = (found: string) => [found, unquoted(found)].some(text => words.some(word => word.test(text)))
  return name.split(' › ').every(part => titles.some(title => title.exec(part)?.slice(1).every(isWord)))
}

function unquoted(text: string): string {
  return /^".*"$/.test(text) ? JSON.parse(text) : text
}

const known = new Map<string, Names>()

/** With the words of the files that it imports: a table of cases may be one of them. */
function namesOf(file: string): Names {
  const names = known.get(file) ?? namesOfAll(file)
  known.set(file, names)
  return names
}

function namesOfAll(file: string): Names {
  const source = readFileSync(file, 'utf8')
  const own = namesIn(file, source)
  const imported = [...source.matchAll(/from '(\.{1,2}\/[^']+\.ts)'/g)].map(([, path = '']) =>
    join(dirname(file), path),
  )
  const others = imported.filter(existsSync).flatMap(path => namesIn(path, readFileSync(path, 'utf8')).words)
  return { titles: own.titles, words: [...own.words, ...others] }
}

function namesIn(file: string, source: string): Names {
  if (file.endsWith('.json')) {
    const titles = (JSON.parse(source) as { name: string }[]).map(({ name }) => pattern([name]))
    return { titles, words: [] }
  }
  const titles: RegExp[] = []
  const words: RegExp[] = []
  visit(ts.createSourceFile(file, source, ts.ScriptTarget.Latest, true))
  return { titles, words }

  function visit(node: ts.Node): void {
    const parts = read(node)
    if (parts && parts.join('') !== '') words.push(pattern(parts))
    // The published cases of a log are tables, by name.
    if (file.startsWith('testing/log/') && ts.isPropertyAssignment(node) && ts.isStringLiteral(node.name))
      titles.push(pattern([node.name.text]))
    if (ts.isCallExpression(node) && /^(test|it|describe)\b/.test(node.expression.getText())) {
      const title = node.arguments[0] && read(node.arguments[0])
      if (title) titles.push(pattern(title.flatMap(part => part.split(/%[sijd]|\$\w+/))))
    }
    ts.forEachChild(node, visit)
  }
}

/** The text of a literal, or the key of an entry, in the parts between what is put in. */
function read(node: ts.Node): string[] | undefined {
  if (ts.isStringLiteralLike(node) || ts.isNumericLiteral(node)) return [node.text]
  if (ts.isIdentifier(node) && isKey(node)) return [node.text]
  if (ts.isTemplateExpression(node))
    return [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)]
  return undefined
}

function isKey({ parent }: ts.Identifier): boolean {
  return ts.isPropertyAssignment(parent) || ts.isShorthandPropertyAssignment(parent)
}

function pattern(parts: readonly string[]): RegExp {
  return new RegExp(`^${parts.map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('(.+)')}$`, 's')
}
