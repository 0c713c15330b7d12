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

/** A block of code as a page has it. */
export interface Block {
  readonly language: string
  /** What stands in brackets behind the language. */
  readonly name?: string
  /** What else stands there. */
  readonly marks: readonly string[]
  readonly code: string
  /** The path of the page, and the line. */
  readonly where: string
}

export function blocksOf({ path, text }: Page): Block[] {
  return [...text.matchAll(/^```(\w+)([^\n]*)\n(.*?)^```/gms)].map(
    ({ index, 1: language = '', 2: info = '', 3: code = '' }) => {
      const [, name] = /\[(.+)\]/.exec(info) ?? []
      const marks = info
        .replace(/\[.+\]/, '')
        .split(' ')
        .filter(Boolean)
      return { language, ...(name && { name }), marks, code, where: `${path}:${lineOf(text, index)}` }
    },
  )
}

function samplesOf(page: Page): Block[] {
  return blocksOf(page).filter(({ language }) => language === 'js' || language === 'ts')
}

/** The names that stand for values or types: no properties, no keys. */
interface Names {
  readonly used: ReadonlySet<string>
  /** Anywhere in the sample, and by its imports. */
  readonly declared: ReadonlySet<string>
  /** What others could import: declared or imported at its top. */
  readonly own: ReadonlySet<string>
  /** Those of them that it exports itself. */
  readonly exported: ReadonlySet<string>
}

export function namesIn(code: string): Names {
  const used = new Set<string>()
  const declared = new Set<string>()
  const own = new Set<string>()
  const exported = new Set<string>()
  const declare = (name: ts.Node | undefined, declaration: ts.Node) => {
    if (!name || !ts.isIdentifier(name)) return
    declared.add(name.text)
    const outermost = topOf(declaration)
    if (!outermost) return
    own.add(name.text)
    if (ts.canHaveModifiers(outermost) && ts.getModifiers(outermost)?.some(isExport)) exported.add(name.text)
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      // Others may have the names that ours have.
      const { name, namedBindings } = node.importClause ?? {}
      const named = namedBindings && ts.isNamedImports(namedBindings) ? namedBindings.elements : []
      for (const each of [{ name }, ...named]) declare(each.name, node)
      if (namedBindings && ts.isNamespaceImport(namedBindings)) declare(namedBindings.name, node)
      return
    }
    if (ts.isIdentifier(node)) {
      const { parent } = node
      const isKey =
        (ts.isPropertyAccessExpression(parent) && parent.name === node) ||
        (ts.isPropertyAssignment(parent) && parent.name === node) ||
        (ts.isBindingElement(parent) && parent.propertyName === node)
      if (isNameOf(node, parent)) declare(node, parent)
      else if (!isKey) used.add(node.text)
    }
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile('sample.tsx', code, ts.ScriptTarget.Latest, true))
  return { used, declared, own, exported }
}

function isNameOf(node: ts.Identifier, parent: ts.Node): boolean {
  const declares =
    ts.isVariableDeclaration(parent) ||
    ts.isParameter(parent) ||
    ts.isBindingElement(parent) ||
    ts.isFunctionDeclaration(parent) ||
    ts.isClassDeclaration(parent) ||
    ts.isInterfaceDeclaration(parent) ||
    ts.isTypeAliasDeclaration(parent)
  return declares && parent.name === node
}

/** The statement at the top of the file that makes this declaration, if it is one. */
function topOf(declaration: ts.Node): ts.Node | undefined {
  let node = declaration
  while (
    ts.isBindingElement(node) ||
    ts.isObjectBindingPattern(node) ||
    ts.isArrayBindingPattern(node) ||
    ts.isVariableDeclaration(node) ||
    ts.isVariableDeclarationList(node)
  )
    node = node.parent
  const isStatement = ts.isStatement(node) && !ts.isIterationStatement(node, false)
  return isStatement && ts.isSourceFile(node.parent) ? node : undefined
}

function isExport({ kind }: ts.Modifier): boolean {
  return kind === ts.SyntaxKind.ExportKeyword
}

function lineOf(text: string, index: number): number {
  return text.slice(0, index).split('\n').length
}
