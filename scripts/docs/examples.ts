/**
 * Compiles the examples of the docs, each as a module of its own that may use what earlier ones of its page declare or import. TypeScript is
 * strict there; in JavaScript the compiler says what it finds without being told types.
 *
 * An example that is a part of something says so: `partial` behind its language. It is not compiled, and counted. What examples call and leave to
 * the reader is in yours.d.ts.
 */
import { posix, resolve } from 'node:path'
import { compile as compileSvelte } from 'svelte/compiler'
import ts from 'typescript'
import { compileScript, compileTemplate, parse as parseVue } from 'vue/compiler-sfc'
import { type Block, blocksOf, namesIn, type Page } from '../samples.ts'

export interface Examined {
  /** A sentence for each thing that is wrong. */
  readonly wrong: readonly string[]
  readonly compiled: number
  readonly partial: number
}

/** A block as the compiler has it. */
interface Module {
  readonly block: Block
  /** Where it would be, as a file. */
  readonly path: string
  readonly code: string
  /** How many lines stand before what the page has. */
  readonly added: number
}

const languages = ['js', 'jsx', 'ts', 'tsx', 'vue', 'svelte', 'html']
const root = resolve('.')
const given = resolve('scripts/docs/yours.d.ts')

export function examine(pages: readonly Page[]): Examined {
  const wrong: string[] = []
  const modules: Module[] = []
  let compiled = 0
  let partial = 0
  for (const page of pages) {
    const blocks = blocksOf(page).filter(({ language }) => languages.includes(language))
    const whole = blocks.filter(({ marks }) => !marks.includes('partial'))
    compiled += whole.length
    partial += blocks.length - whole.length
    wrong.push(...whole.flatMap(complaintsOfFrameworks))
    modules.push(...modulesOf(page.path, whole.flatMap(scriptsOf)))
  }
  wrong.push(...complaintsOfTypes(modules, 'ts'), ...complaintsOfTypes(modules, 'js'))
  return { wrong: wrong.sort(), compiled, partial }
}

/** What the compilers of Vue and Svelte say of a component. */
function complaintsOfFrameworks({ language, code, where }: Block): string[] {
  try {
    if (language === 'svelte') compileSvelte(code, { filename: 'example.svelte', generate: 'client' })
    if (language !== 'vue') return []
    const { descriptor, errors } = parseVue(code, { filename: 'example.vue' })
    const { bindings } =
      descriptor.script || descriptor.scriptSetup ? compileScript(descriptor, { id: 'example' }) : {}
    const template = descriptor.template && {
      source: descriptor.template.content,
      filename: 'example.vue',
      id: 'example',
      compilerOptions: {
        expressionPlugins: ['typescript' as const],
        ...(bindings && { bindingMetadata: bindings }),
      },
    }
    const said = [...errors, ...(template ? compileTemplate(template).errors : [])]
    return said.map(error => `${where}: ${typeof error === 'string' ? error : error.message}`)
  } catch (error) {
    return [`${where}: ${(error as Error).message}`]
  }
}

/** The scripts of a component or a page, in their places; of everything else the whole. */
function scriptsOf(block: Block): Block[] {
  if (!['vue', 'svelte', 'html'].includes(block.language)) return [block]
  return [...block.code.matchAll(/<script\b([^>]*)>(.*?)<\/script>/gs)].flatMap(
    ({ index, 0: tag, 1: attributes = '', 2: code = '' }) => {
      if (/\bsrc=/.test(attributes)) return []
      const start = index + tag.indexOf('>') + 1
      // Lines keep their numbers.
      const before = block.code.slice(0, start).replace(/[^\n]/g, '')
      return [{ ...block, language: attributes.includes('lang="ts"') ? 'ts' : 'js', code: before + code }]
    },
  )
}

/** With the names that each block takes from earlier ones, and exporting what later ones may take. */
function modulesOf(page: string, blocks: readonly Block[]): Module[] {
  const known = new Map<string, string>()
  return blocks.map((block, index) => {
    const { used, own, exported } = namesIn(block.code)
    const taken = [...used].filter(name => known.has(name) && !own.has(name))
    const imports = taken.map(name => `import { ${name} } from '${known.get(name)}'\n`).join('')
    const exports = [...own].filter(name => !exported.has(name))
    const name = nameOf(block) ?? `${index}.${block.language}`
    // As TypeScript also where it is not: the compiler overlooks more in the other.
    const path = posix.join(root, '.examples', page, name.replace(/\.js(x?)$/, '.ts$1'))
    for (const each of own) known.set(each, path)
    return { block, path, code: `${imports}${block.code}\nexport { ${exports} }\n`, added: taken.length }
  })
}

/** An example may begin with a comment that names its file, so that others of its page can import it. */
function nameOf({ code, language }: Block): string | undefined {
  const [, name] = /^(?:\/\/|<!--) ([\w./-]+\.\w+)(?: -->)?\n/.exec(code) ?? []
  return name?.endsWith(`.${language}`) ? name : undefined
}

/** Files of the repository, which are read once. */
const sources = new Map<string, ts.SourceFile | undefined>()

/** What TypeScript says of the modules of one kind, which know those of the other. */
function complaintsOfTypes(modules: readonly Module[], kind: 'js' | 'ts'): string[] {
  const byPath = new Map(modules.map(module => [module.path, module]))
  const options = optionsFor(kind)
  const host = ts.createCompilerHost(options)
  const { fileExists, readFile, getSourceFile } = host
  host.fileExists = path => byPath.has(path) || fileExists(path)
  // Nobody looks into a folder that is not there.
  delete host.directoryExists
  host.readFile = path => byPath.get(path)?.code ?? readFile(path)
  host.getSourceFile = (path, settings) => {
    const code = byPath.get(path)?.code
    if (code !== undefined) return ts.createSourceFile(path, code, settings, true)
    if (!sources.has(path)) sources.set(path, getSourceFile(path, settings))
    return sources.get(path)
  }
  const program = ts.createProgram([given, ...byPath.keys()], options, host)
  return modules.flatMap(({ path, block, added }) => {
    const source = program.getSourceFile(path)
    if (!source || block.language.startsWith('ts') !== (kind === 'ts')) return []
    const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]
    return found
      .filter(each => isMeant(each, kind))
      .map(({ start = 0, messageText }) => {
        const line = source.getLineAndCharacterOfPosition(start).line - added
        return `${placeIn(block, line)}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`
      })
  })
}

function optionsFor(kind: 'js' | 'ts'): ts.CompilerOptions {
  const { config } = ts.readConfigFile('tsconfig.node.json', ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root)
  return {
    ...options,
    // Examples show what there is, not what is done with it.
    exactOptionalPropertyTypes: false,
    noUnusedLocals: false,
    noUnusedParameters: false,
    erasableSyntaxOnly: false,
    verbatimModuleSyntax: false,
    isolatedModules: false,
    ...(kind === 'js' && { strict: false, noImplicitAny: false }),
  }
}

/** What a message holds is what the application knows it to be; TypeScript has to be told, and JavaScript is not. */
const untold =
  /^Property '\w+' does not exist on type '(Payload|unknown|string|String|string \| AddressInfo)'/

/** Stores of Svelte are read by names that its compiler makes. */
const ofStores = /^Cannot find name '\$\w+'/

/** By TypeScript's numbers: in JavaScript arguments may be left out, and dates be subtracted. */
const usual = [2554, 2362, 2363]

function isMeant({ code, messageText }: ts.Diagnostic, kind: 'js' | 'ts'): boolean {
  const said = ts.flattenDiagnosticMessageText(messageText, ' ')
  return !ofStores.test(said) && !(kind === 'js' && (untold.test(said) || usual.includes(code)))
}

function placeIn({ where }: Block, line: number): string {
  const [, page, first] = /^(.*):(\d+)$/.exec(where) ?? []
  return `${page}:${Number(first) + 1 + line}`
}
