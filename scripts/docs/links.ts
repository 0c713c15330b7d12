/** Where the built site's links lead: to a page and a place on it that are there, or to a file of the repository that is there. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { anchorOf, repository } from '../../docs/.vitepress/pages.ts'

/** What a built page links to, and what it can be linked at. */
interface Built {
  readonly links: ReadonlySet<string>
  readonly anchors: ReadonlySet<string>
}

/** A sentence for each link that leads nowhere. Links to other sites are not asked. */
export function deadLinks(site: string, base: string): string[] {
  const names = readdirSync(site, { recursive: true, encoding: 'utf8' }).map(name =>
    name.replaceAll('\\', '/'),
  )
  // The demo's own links are not the docs'.
  const pages = names.filter(name => name.endsWith('.html') && !name.startsWith('live-demo/'))
  const built = new Map(pages.map(name => [name, read(readFileSync(join(site, name), 'utf8'))]))
  return pages.flatMap(name => {
    const isDead = (link: string) =>
      !leadsSomewhere(new URL(link, `http://site${base}${name}`), site, base, built)
    return [...(built.get(name)?.links ?? [])]
      .filter(isDead)
      .map(link => `${name} links to ${link}, which is not there`)
  })
}

function read(html: string): Built {
  const all = (pattern: RegExp) => new Set([...html.matchAll(pattern)].map(([, found = '']) => plain(found)))
  return { links: all(/<a\b[^>]*?\shref="([^"]*)"/g), anchors: all(/\s(?:id|name)="([^"]*)"/g) }
}

/** Without what HTML writes signs by. */
function plain(text: string): string {
  return text
    .replaceAll('&quot;', '"')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&')
}

function leadsSomewhere(url: URL, site: string, base: string, built: ReadonlyMap<string, Built>): boolean {
  const anchor = decodeURIComponent(url.hash.slice(1))
  if (url.href.startsWith(`${repository}/`)) return isInRepository(url, anchor)
  if (url.host !== 'site') return true
  if (!url.pathname.startsWith(base)) return false
  const path = decodeURIComponent(url.pathname.slice(base.length)).replace(/(^|\/)$/, '$1index.html')
  const page = built.get(path)
  return page ? anchor === '' || page.anchors.has(anchor) : existsSync(join(site, path))
}

/** GitHub shows each file and folder at an address of its own, and headings of pages in Markdown as places on it. */
function isInRepository({ pathname }: URL, anchor: string): boolean {
  const [, kind, path = ''] =
    /^\/(blob|tree|edit)\/main\/(.+)/.exec(pathname.slice(new URL(repository).pathname.length)) ?? []
  // Its other addresses, such as those of issues, are no files.
  if (!kind) return true
  const file = decodeURIComponent(path)
  if (!existsSync(file) || statSync(file).isDirectory() !== (kind === 'tree')) return false
  return anchor === '' || !file.endsWith('.md') || headingsOf(readFileSync(file, 'utf8')).includes(anchor)
}

function headingsOf(text: string): string[] {
  const headings = text.replace(/^```.*?^```/gms, '').matchAll(/^#+ (.+)/gm)
  return [...headings].map(([, heading = '']) => anchorOf(heading))
}
