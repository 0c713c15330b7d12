/** A page in another language has the code of the English one: its comments and texts alone are its own. */
import { existsSync, readFileSync } from 'node:fs'
import ts from 'typescript'
import { type Block, blocksOf, type Page } from '../samples.ts'

/** A sentence for each block of a page that is not what the English page has in its place. The home page has fewer. */
export function differences({ path, text }: Page): string[] {
  const original = path.replace(/^docs\/ko\//, 'docs/')
  if (original === path || path.endsWith('/index.md') || !existsSync(original)) return []
  const theirs = blocksOf({ path: original, text: readFileSync(original, 'utf8') })
  const ours = blocksOf({ path, text })
  if (ours.length !== theirs.length)
    return [`${path} has ${ours.length} blocks of code, ${original} ${theirs.length}`]
  return ours.flatMap((block, index) =>
    bare(block) === bare(theirs[index] as Block)
      ? []
      : [`${block.where}: this is other code than in ${original}`],
  )
}

/** The code without what is written for people. */
function bare({ language, name, code }: Block): string {
  if (language === 'sh') return code
  const scripts =
    language === 'html'
      ? [...code.matchAll(/<script[^>]*>(.*?)<\/script>/gs)].map(([, script = '']) => script)
      : [code]
  return JSON.stringify([language, name, scripts.map(wordless)])
}

function wordless(code: string): string {
  const words: string[] = []
  const visit = (node: ts.Node): void => {
    const isText =
      ts.isStringLiteralLike(node) ||
      ts.isTemplateHead(node) ||
      ts.isTemplateMiddle(node) ||
      ts.isTemplateTail(node)
    if (node.getChildCount() === 0) words.push(isText && !isModule(node) ? "''" : node.getText())
    node.getChildren().forEach(visit)
  }
  visit(ts.createSourceFile('example.js', code, ts.ScriptTarget.Latest, true))
  return words.join(' ')
}

function isModule({ parent }: ts.Node): boolean {
  return ts.isImportDeclaration(parent)
}
