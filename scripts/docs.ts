/**
 * Makes docs/api/ from the docstrings: `npm run docs:api`. There is a page for each path that can be imported, and one for the types that several
 * of them have in common. test/docs.test.ts fails when a page is no longer what this makes, or a public name has no docstring.
 */
import { rmSync } from 'node:fs'
import {
  Application,
  Comment,
  CommentTag,
  Converter,
  DeclarationReflection,
  LiteralType,
  PageEvent,
  type ProjectReflection,
  type Reflection,
  ReflectionKind,
  TSConfigReader,
} from 'typedoc'
import { entries, sourceOf } from './entries.ts'

/** The first that has a name documents it. */
const sources = ['src/types.ts', ...entries.map(sourceOf)]

/** Where the page of common types puts what these files declare, in this order. */
const sections: [heading: string, files: RegExp][] = [
  ['Options', /^src\/(setup|connection\/(send-options|token))/],
  ['What both sides have in common', /^src\/contracts\/messages/],
  ['Events', /^src\/connection\/(emitter|events|line|state|trace)/],
  ['Topics', /^src\/contracts\/subscription/],
  ['Errors and reports', /^src\/(contracts\/(errors|failure)|connection\/report)/],
  ['Codecs', /^src\/wire\/codec/],
  ['What a transport is made of', /^src\/contracts\/(transport|send)\b/],
  ['What a dialect is made of', /^src\/(contracts|wire)\//],
  ['The surroundings', /^src\/(environment|here)/],
]

const kinds = new Set([
  ReflectionKind.Module,
  ReflectionKind.Function,
  ReflectionKind.Class,
  ReflectionKind.Variable,
  ReflectionKind.Interface,
  ReflectionKind.TypeAlias,
  ReflectionKind.Property,
  ReflectionKind.Method,
  ReflectionKind.Accessor,
])

/** Writes the pages into a folder, and gives back what is wrong with the docstrings. */
export async function write(folder: string): Promise<string[]> {
  const wrong: string[] = []
  const app = await Application.bootstrapWithPlugins(
    {
      entryPoints: sources,
      tsconfig: 'tsconfig.docs.json',
      plugin: ['typedoc-plugin-markdown'],
      name: 'API reference',
      readme: 'none',
      logLevel: 'Warn',
      disableGit: true,
      disableSources: true,
      excludePrivate: true,
      excludeInternal: true,
      excludeExternals: true,
      excludeReferences: true,
      categorizeByGroup: false,
      categoryOrder: sections.map(([heading]) => heading),
      sort: ['source-order'],
      sortEntryPoints: false,
      groupOrder: [
        'Functions',
        'Classes',
        'Variables',
        'Constructors',
        'Properties',
        'Accessors',
        'Methods',
        '*',
      ],
      intentionallyNotExported: [
        ...['Here', 'Part', 'TopicsOf', 'HeardOf', 'Given'],
        // Lists of which there is a type.
        ...['refusalReasons', 'closeReasons', 'doubtCauses'],
      ],
      preservedTypeAnnotationTags: ['@throws'],
      jsDocCompatibility: { defaultTag: false },
      outputs: [{ name: 'markdown', path: folder }],
    },
    [new TSConfigReader()],
  )
  const markdown = {
    router: 'module',
    hideBreadcrumbs: true,
    hidePageHeader: true,
    hideGroupHeadings: true,
    indexFormat: 'table',
    parametersFormat: 'table',
    interfacePropertiesFormat: 'table',
    typeDeclarationFormat: 'table',
  }
  for (const [name, value] of Object.entries(markdown)) app.options.setValue(name, value)
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    sort(project)
    for (const { comment } of Object.values(project.reflections)) if (comment) nameWhatIsThrown(comment)
  })
  app.renderer.on(PageEvent.END, page => {
    page.contents = tidy(page.contents ?? '', page.url)
  })
  const project = await app.convert()
  if (!project) throw new Error('the docstrings cannot be read')
  app.validate(project)
  wrong.push(...undocumented(project))
  rmSync(folder, { recursive: true, force: true })
  await app.generateOutputs(project)
  return wrong
}

function sort(project: ProjectReflection): void {
  const types = project.children?.find(({ name }) => name === 'types')
  for (const child of types?.children ?? []) {
    const file = fileOf(child)
    const [heading] = sections.find(([, files]) => files.test(file)) ?? []
    if (!heading) throw new Error(`${child.name} of ${file} has no section on the page of types`)
    child.comment ??= new Comment()
    child.comment.blockTags.push(new CommentTag('@category', [{ kind: 'text', text: heading }]))
  }
}

/** The class stands in braces, which no page would show. */
function nameWhatIsThrown({ blockTags }: Comment): void {
  for (const { tag, typeAnnotation, content } of blockTags)
    if (tag === '@throws' && typeAnnotation)
      content.unshift({ kind: 'text', text: `\`${typeAnnotation.slice(1, -1)}\`, ` })
}

/** Names of our pages become links, and what gives nothing does not say so. */
function tidy(text: string, url: string): string {
  const up = '../'.repeat(url.split('/').length)
  return text
    .replace(/(?<![\w/[(])docs\/([\w/-]+\.md)/g, (path, page) => `[${path}](${up}${page})`)
    .replaceAll('**Default** ', '**Default:** ')
    .replace(/\n#+ Returns\n\n`void`\n/g, '')
}

function undocumented(project: ProjectReflection): string[] {
  const all = Object.values(project.reflections)
  return all
    .filter(each => needsDoc(each) && !hasDoc(each))
    .map(each => `${each.getFullName()} (${fileOf(each)}) has no docstring`)
}

/**
 * What has a name of its own. A type that is written in passing, as in a union, is told by the docstring around it, and a property that can be
 * one text only tells itself.
 */
function needsDoc(reflection: Reflection): boolean {
  if (!kinds.has(reflection.kind) || reflection.parent?.kindOf(ReflectionKind.TypeLiteral)) return false
  return !(reflection instanceof DeclarationReflection && reflection.type instanceof LiteralType)
}

function hasDoc(reflection: Reflection): boolean {
  if (reflection.hasComment()) return true
  if (!(reflection instanceof DeclarationReflection)) return false
  const { signatures = [], getSignature, setSignature } = reflection
  return [...signatures, getSignature, setSignature].some(each => each?.hasComment())
}

function fileOf(reflection: Reflection): string {
  const path = reflection.project.getSymbolIdFromReflection(reflection)?.fileName ?? ''
  return path.replace(/^.*?\b(src|server|testing)\//, '$1/')
}

if (process.argv[1]?.endsWith('docs.ts')) {
  const wrong = await write('docs/api')
  for (const each of wrong) console.error(each)
  if (wrong.length > 0) process.exitCode = 1
}
