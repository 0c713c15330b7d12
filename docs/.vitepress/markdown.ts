/** What the site adds to Markdown. The pages stay readable where nothing of it is known, as on GitHub. */
import { relative } from 'node:path'
import type { MarkdownRenderer } from 'vitepress'
import { destination, root } from './pages.ts'

export function extend(md: MarkdownRenderer): void {
  md.core.ruler.push('links', leadLinks)
  md.core.ruler.push('tabs', makeTabs)
  const fence = md.renderer.rules.fence as RenderRule
  md.renderer.rules.fence = (...given) => markPart(fence(...given), given)
}

type RenderRule = NonNullable<MarkdownRenderer['renderer']['rules']['fence']>

/** An example that is a part of something says so where others have their language. */
function markPart(html: string, [tokens, index]: Parameters<RenderRule>): string {
  const isPart = tokens[index]?.info.split(' ').includes('partial')
  return isPart ? html.replace(/(<span class="lang">\w+)/, '$1, a part') : html
}

type State = Parameters<Parameters<MarkdownRenderer['core']['ruler']['push']>[1]>[0]

/** Links stand in a page as GitHub takes them. */
function leadLinks({ tokens, env }: State): void {
  const file = relative(root, env.realPath ?? env.path).replaceAll('\\', '/')
  for (const token of tokens.flatMap(({ children }) => children ?? [])) {
    const link = token.type === 'link_open' && token.attrGet('href')
    if (link) token.attrSet('href', destination(link, file))
  }
}

/** Blocks of code that follow one another, each with its name in brackets, become one block with tabs. */
function makeTabs(state: State): void {
  const { Token } = state
  const isNamed = (index: number) => {
    const { type, info = '' } = state.tokens[index] ?? {}
    return type === 'fence' && /\[.+\]/.test(info)
  }
  state.tokens = state.tokens.flatMap((token, index) => {
    if (!isNamed(index)) return [token]
    const [isFirst, isLast] = [!isNamed(index - 1), !isNamed(index + 1)]
    if (isFirst && isLast) return [token]
    return [
      ...(isFirst ? [new Token('container_code-group_open', 'div', 1)] : []),
      token,
      ...(isLast ? [new Token('container_code-group_close', 'div', -1)] : []),
    ]
  })
}
