/** What the docs say that can be checked, with their site built anew: `npm run docs:check`. */
import { readFileSync } from 'node:fs'
import { resolveConfig } from 'vitepress'
import { isInSidebar } from '../../docs/.vitepress/sidebar.ts'
import { blocksOf, type Page, pages } from '../samples.ts'
import { makeSite, site } from '../site.ts'
import { examine } from './examples.ts'
import { deadLinks } from './links.ts'
import { differences } from './translations.ts'

// VitePress says itself which links lead to no page, and does not build then.
await makeSite()
const { base } = (await resolveConfig('docs', 'build')).site
const all = pages()
const { wrong, compiled, partial } = examine(all)

const complaints = [
  ...deadLinks(site, base),
  ...wrong,
  ...unlisted(all),
  ...homeIsWrong(),
  ...all.flatMap(differences),
]
for (const each of complaints) console.error(each)
console.log(
  `${compiled} examples are compiled, ${partial} are parts of something, ${complaints.length} things are wrong`,
)
if (complaints.length > 0) process.exitCode = 1

function unlisted(all: readonly Page[]): string[] {
  const missing = all.filter(({ path }) => path.startsWith('docs/') && !isInSidebar(path))
  return missing.map(({ path }) => `${path} is in no section of docs/.vitepress/sidebar.ts`)
}

/** The examples there are those of the README, which are run in three engines. */
function homeIsWrong(): string[] {
  const readme = readFileSync('README.md', 'utf8')
  const home = { path: 'docs/index.md', text: readFileSync('docs/index.md', 'utf8') }
  const others = blocksOf(home).filter(({ language, code }) => language === 'js' && !readme.includes(code))
  return others.map(({ where }) => `${where}: this example is not in README.md`)
}
