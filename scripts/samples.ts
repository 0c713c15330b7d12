/** The samples of code in README.md and docs, and what they import from the package: each name has to be one that the entry exports. */
import { readdirSync, readFileSync } from 'node:fs'
import ts from 'typescript'

/** A page in Markdown. */
export interface Page {
  readonly path: string
  readonly text: string
}

/** A name that a page imports. */
export interface Imported {
  readonly entry: string
  readonly name: string
  /** The path of the page, and the line. */
  readonly where: string
}

/** What each entry exports: names, and whether they are there at run time or for the compiler alone. */
export type Exported = ReadonlyMap<string, ReadonlyMap<string, 'value' | 'type'>>

/** By the modules or declarations of the entries. */
export function exportsOf(files: ReadonlyMap<string, string>): Exported {
  const options = { noLib: true, types: [], allowImportingTsExtensions: true, noEmit: true }
  const moduleResolution = ts.ModuleResolutionKind.Bundler
  const program = ts.createProgram([...files.values()], { ...options, moduleResolution })
  const checker = program.getTypeChecker()
  const kindOf = (symbol: ts.Symbol) => {
    const meant = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
    const forTypesOnly = symbol.declarations?.some(ts.isTypeOnlyImportOrExportDeclaration)
    return meant.flags & ts.SymbolFlags.Value && !forTypesOnly ? 'value' : 'type'
  }
  const exported = [...files].map(([entry, file]) => {
    const source = program.getSourceFile(file)
    const module = source && checker.getSymbolAtLocation(source)
    if (!module) throw new Error(`${file} is no module`)
    const names = checker.getExportsOfModule(module)
    return [entry, new Map(names.map(symbol => [symbol.name, kindOf(symbol)] as const))] as const
  })
  return new Map(exported)
}

export function pages(): Page[] {
  const docs = readdirSync('docs', { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.md'))
  const paths = ['README.md', ...docs.sort().map(name => `docs/${name.replaceAll('\\', '/')}`)]
  return paths.map(path => ({ path, text: readFileSync(path, 'utf8') }))
}

/** What the blocks of code and the sentences of a page import from `throughline` and its entries. */
export function importsOf({ path, text }: Page): Imported[] {
  const found = [...text.matchAll(/\bimport\s+(?:type\s+)?\{([^}]*)\}\s+from\s+['"](throughline[^'"]*)['"]/g)]
  return found.flatMap(({ index, 1: names = '', 2: entry = '' }) =>
    names
      .split(',')
      .map(name => name.trim().replace(/^type\s+|\s+as\s.*$/g, ''))
      .filter(name => name !== '')
      .map(name => ({ entry, name, where: `${path}:${lineOf(text, index)}` })),
  )
}

/** One sentence for each name that its entry does not export, and for each entry that the package does not have. */
export function wrongImports(all: readonly Page[], exported: Exported): string[] {
  return all.flatMap(importsOf).flatMap(({ entry, name, where }) => {
    const names = exported.get(entry)
    if (!names) return [`${where}: the package has no entry ${entry}`]
    return names.has(name) ? [] : [`${where}: ${entry} does not export ${name}`]
  })
}

/** What has the name of something of ours, and is there without an import; and words by which a sample may call anything: stores for Svelte have such names. */
const ofThePlace = ['EventSource', 'WebSocket', 'line', 'messages', 'presence', 'subscription']

/** One sentence for each name of ours that a sample uses, and that neither it nor an earlier one of its page imports. */
export function unimported(all: readonly Page[], exported: Exported): string[] {
  const everything = [...exported.values()].flatMap(names => [...names])
  const ours = new Set(everything.flatMap(([name, kind]) => (kind === 'value' ? [name] : [])))
  for (const name of ofThePlace) ours.delete(name)
  return all.flatMap(page => {
    const had = new Set<string>()
    return samplesOf(page).flatMap(({ code, where }) => {
      const { used, declared } = namesIn(code)
      for (const { name } of importsOf({ path: '', text: code })) had.add(name)
      const missing = [...used].filter(name => ours.has(name) && !had.has(name) && !declared.has(name))
      return missing.map(name => `${where}: ${name} is used and not imported`)
    })
  })
}

function samplesOf({ path, text }: Page): { code: string; where: string }[] {
  return [...text.matchAll(/^```[jt]s\n(.*?)^```/gms)].map(({ index, 1: code = '' }) => ({
    code,
    where: `${path}:${lineOf(text, index)}`,
  }))
}

/** The names that stand for values: no properties, no keys. What the sample declares itself is none of ours. */
function namesIn(code: string): { used: Set<string>; declared: Set<string> } {
  const used = new Set<string>()
  const declared = new Set<string>()
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      // Others may have the names that ours have.
      const { name, namedBindings } = node.importClause ?? {}
      const named = namedBindings && ts.isNamedImports(namedBindings) ? namedBindings.elements : []
      for (const each of [{ name }, ...named]) if (each.name) declared.add(each.name.text)
      return
    }
    if (ts.isIdentifier(node)) {
      const { parent } = node
      const isDeclared =
        (ts.isVariableDeclaration(parent) ||
          ts.isParameter(parent) ||
          ts.isBindingElement(parent) ||
          ts.isFunctionDeclaration(parent)) &&
        parent.name === node
      const isKey =
        (ts.isPropertyAccessExpression(parent) && parent.name === node) ||
        (ts.isPropertyAssignment(parent) && parent.name === node) ||
        (ts.isBindingElement(parent) && parent.propertyName === node)
      if (isDeclared) declared.add(node.text)
      else if (!isKey) used.add(node.text)
    }
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile('sample.ts', code, ts.ScriptTarget.Latest, true))
  return { used, declared }
}

function lineOf(text: string, index: number): number {
  return text.slice(0, index).split('\n').length
}
