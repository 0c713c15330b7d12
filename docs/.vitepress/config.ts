/** The site that `npm run docs:site` makes of the pages in Markdown. */
import { readdirSync } from 'node:fs'
import { type DefaultTheme, defineConfig } from 'vitepress'
import { extend } from './markdown.ts'
import { anchorOf, pageOf, repository, root } from './pages.ts'
import { sidebar } from './sidebar.ts'

/** Where the site is to be, as `/throughline/`. */
const base = process.env.DOCS_BASE ?? '/'

const icon =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="4" fill="#0f766e"/><path d="M3 8h10" stroke="#fff" stroke-width="2" stroke-linecap="round"/><circle cx="8" cy="8" r="2.5" fill="#fff"/></svg>'

const searchInKorean: DefaultTheme.LocalSearchOptions['translations'] = {
  button: { buttonText: '검색', buttonAriaLabel: '검색' },
  modal: {
    displayDetails: '자세히 보기',
    resetButtonTitle: '지우기',
    backButtonTitle: '닫기',
    noResultsText: '찾은 것이 없어요:',
    footer: { selectText: '열기', navigateText: '이동', closeText: '닫기' },
  },
}

/** Words, and those that are put together as they are, such as the codes of errors. The page that searches has this function by its text. */
function tokenize(text: string): string[] {
  const joined = text.match(/[\p{L}\p{N}]+(?:[-_][\p{L}\p{N}]+)+/gu) ?? []
  return [...text.split(/[\n\r\p{Z}\p{P}]+/u), ...joined]
}

/** Guides and errors stand before reasons and types, which have the same words more often. The page that searches has this function by its text, too. */
function boostDocument(id: string): number {
  if (/\/(guides\/|errors|start)/.test(id)) return 2
  return /\/(decisions\/|api\/|changelog|benchmarks\/)/.test(id) ? 0.5 : 1
}

export default defineConfig({
  base,
  title: 'Throughline',
  description: 'A live line from a page to its server over whichever transport gets through',
  head: [['link', { rel: 'icon', href: `data:image/svg+xml,${encodeURIComponent(icon)}` }]],
  // Pages outside docs are pages of the site too.
  srcDir: '..',
  srcExclude: notPages(),
  rewrites: file => pageOf(file) ?? file,
  ignoreDeadLinks: 'localhostLinks',
  markdown: {
    anchor: { slugify: anchorOf },
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
    // The nearest of those that can be coloured.
    languageAlias: { abnf: 'ini', caddy: 'nginx', haproxy: 'nginx' },
    config: extend,
  },
  themeConfig: {
    // Most pages are in one language alone.
    i18nRouting: false,
    sidebar,
    outline: [2, 3],
    socialLinks: [{ icon: 'github', link: repository }],
    externalLinkIcon: true,
    editLink: { pattern: `${repository}/edit/main/:path`, text: 'Edit this page' },
    search: {
      provider: 'local',
      options: {
        locales: { ko: { translations: searchInKorean } },
        miniSearch: { options: { tokenize }, searchOptions: { boostDocument } },
      },
    },
    nav: [
      { text: 'Start', link: '/start' },
      { text: 'API', link: '/api/' },
      { text: 'Errors', link: '/errors' },
      { text: 'Changes', link: '/changelog' },
    ],
  },
  locales: {
    root: { label: 'English', lang: 'en' },
    ko: {
      label: '한국어',
      lang: 'ko',
      description: '페이지와 서버를 끊김 없이 잇는 실시간 연결',
      themeConfig: {
        nav: [
          { text: '시작', link: '/ko/start' },
          { text: 'API (영어)', link: '/api/' },
        ],
        outline: { level: [2, 3], label: '이 페이지에서' },
        docFooter: { prev: '이전', next: '다음' },
        editLink: { pattern: `${repository}/edit/main/:path`, text: '이 페이지 고치기' },
        darkModeSwitchLabel: '화면 모드',
        lightModeSwitchTitle: '밝은 화면으로',
        darkModeSwitchTitle: '어두운 화면으로',
        sidebarMenuLabel: '목차',
        returnToTopLabel: '맨 위로',
        langMenuLabel: '언어 바꾸기',
      },
    },
  },
})

/** All files in Markdown that are no pages, by the folders of the repository that have no page in them. */
function notPages(): string[] {
  const entries = readdirSync(root, { withFileTypes: true })
  const folders = entries.filter(entry => entry.isDirectory() && entry.name !== 'docs')
  const files = entries.map(({ name }) => name).filter(name => name.endsWith('.md'))
  return [...folders.map(({ name }) => `${name}/**`), ...files.filter(name => pageOf(name) === null)]
}
