/** The site's contents, in order. A page is called by its first heading, unless a shorter name stands here. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import type { DefaultTheme } from 'vitepress'
import { pageOf, root } from './pages.ts'

type Entry = string | [file: string, name: string]

/** Guides that are not listed here stand behind those that are. */
const guides = [
  'chat',
  'live-prices',
  'notifications',
  'presence',
  'history',
  'workers-and-tabs',
  'outside-a-browser',
  'behind-a-proxy',
  'scaling',
]

const sections: [name: string, entries: Entry[]][] = [
  [
    'Start',
    [
      ['docs/start.md', 'The first message'],
      ['docs/demo.md', 'Demo'],
      ['docs/compare.md', 'Beside other clients'],
    ],
  ],
  [
    'Guides',
    [
      ...inOrder('docs/guides', guides),
      ['docs/topics.md', 'Topics'],
      ['docs/answers.md', 'Answers piece by piece'],
      ['docs/streams.md', 'One answer as a stream'],
      ['docs/publishing.md', 'Publishing from any language'],
      ['docs/testing.md', 'Tests of your application'],
      ['docs/inspector.md', 'The inspector'],
      ['docs/drop-in.md', 'Drop-ins'],
      ['docs/legacy.md', 'Televisions and kiosks'],
      ['docs/places.md', 'Workers, Node, Deno and Bun'],
    ],
  ],
  ['Moving from another client', [['docs/moving/README.md', 'Which of them'], ...inOrder('docs/moving')]],
  [
    'Servers and dialects',
    [
      ['docs/servers/README.md', 'Which servers'],
      ...inOrder('docs/servers'),
      ['docs/platforms.md', 'Platforms'],
      ['docs/check.md', 'A server in another language'],
      ['docs/write-a-dialect.md', 'Write a dialect'],
      ['docs/write-a-transport.md', 'Write a transport'],
      ['docs/write-a-log.md', 'Write a log'],
    ],
  ],
  [
    'Frameworks',
    [
      ['docs/react.md', 'React'],
      ['docs/vue.md', 'Vue'],
      ['docs/svelte.md', 'Svelte'],
    ],
  ],
  [
    'Operations',
    [
      ['docs/operations.md', 'Operating it'],
      ['docs/growing.md', 'Several nodes'],
      ['docs/load-balancers.md', 'nginx and HAProxy'],
      ['docs/faults.md', 'Faults it is tried against'],
    ],
  ],
  [
    'Reference',
    [
      ['docs/api/README.md', 'API'],
      ['docs/errors.md', 'Errors'],
      ['docs/ends.md', 'What ends a line'],
      ['docs/types.md', 'Types for both sides'],
      ['docs/values.md', 'Values'],
      ['docs/trace.md', 'Trace'],
      ['docs/PROTOCOL.md', 'Protocol'],
      ['docs/limits.md', 'Limits'],
      ['docs/size.md', 'Size'],
      ['CHANGELOG.md', 'Changes'],
      ['CONTRIBUTING.md', 'How it is built'],
    ],
  ],
  ['Techniques', [['docs/techniques.md', 'Every way to speak first']]],
  [
    'Benchmarks',
    [
      ['docs/benchmarks/README.md', 'Beside its peers'],
      ['docs/benchmarks/notes.md', 'What was tried'],
    ],
  ],
  [
    'Security',
    [
      ['SECURITY.md', 'What it defends against'],
      ['docs/hostile-servers.md', 'From a hostile server'],
      ['docs/advisories.md', 'Advisories'],
    ],
  ],
  ['Decisions', [['docs/decisions/README.md', 'Why things are as they are']]],
]

const korean: [name: string, entries: Entry[]][] = [
  ['시작', [['docs/ko/start.md', '첫 메시지']]],
  ['가이드', inOrder('docs/ko/guides', guides)],
]

/** Too many to stand beside everything else. */
const decisions: [name: string, entries: Entry[]][] = [
  ['Back', [['docs/start.md', 'The first message']]],
  ['Decisions', [['docs/decisions/README.md', 'All of them'], ...inOrder('docs/decisions')]],
]

/** By the beginning of the paths that have it. */
export const sidebar: DefaultTheme.SidebarMulti = {
  '/': sections.map(toItem),
  '/decisions/': decisions.map(toItem),
  '/ko/': korean.map(toItem),
}

/** Pages below the page of the interface, and the two first pages, are reached from there. */
export function isInSidebar(file: string): boolean {
  const all = [...sections, ...decisions, ...korean].flatMap(([, entries]) => entries.map(fileOf))
  return file.startsWith('docs/api/') || file.endsWith('/index.md') || all.includes(file)
}

function toItem([text, entries]: [string, Entry[]]): DefaultTheme.SidebarItem {
  const files = entries.filter(entry => existsSync(root + fileOf(entry)) && pageOf(fileOf(entry)) !== null)
  return { text, items: files.map(entry => ({ text: nameOf(entry), link: linkTo(fileOf(entry)) })) }
}

function linkTo(file: string): string {
  return `/${pageOf(file)?.replace(/(index)?\.md$/, '')}`
}

/** The pages of a folder, but for its first one. */
function inOrder(folder: string, order: readonly string[] = []): Entry[] {
  if (!existsSync(root + folder)) return []
  const names = readdirSync(root + folder).flatMap(file =>
    /^(?!README\.).*\.md$/.test(file) ? [file.slice(0, -'.md'.length)] : [],
  )
  const listed = order.filter(name => names.includes(name))
  const others = names.filter(name => !order.includes(name)).sort()
  return [...listed, ...others].map(name => `${folder}/${name}.md`)
}

function fileOf(entry: Entry): string {
  return typeof entry === 'string' ? entry : entry[0]
}

function nameOf(entry: Entry): string {
  if (typeof entry !== 'string') return entry[1]
  const [, heading = entry] = /^# (.+)/m.exec(readFileSync(root + entry, 'utf8')) ?? []
  return heading.replaceAll('`', '')
}
