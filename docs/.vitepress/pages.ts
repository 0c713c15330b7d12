/** Where a file of the repository is on the site, and where it is on GitHub. */
import { existsSync, statSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of the repository. */
export const root = fileURLToPath(new URL('../..', import.meta.url))

export const repository = 'https://github.com/throughline-js/throughline'

/** Pages of the site that are no files of docs. */
const besides = ['CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md']

/** The page that a file becomes, or `null` if it is none: `docs/servers/README.md` becomes `servers/index.md`. */
export function pageOf(file: string): string | null {
  if (besides.includes(file)) return file.toLowerCase()
  if (!/^docs\/.*\.md$/.test(file)) return null
  return file.slice('docs/'.length).replace(/(^|\/)README\.md$/, '$1index.md')
}

/**
 * Where a link leads that stands in a file of the repository: a page of the site as `/servers/nchan.md#anchor`, everything else of the repository
 * as its address on GitHub, and what is neither as it was.
 */
export function destination(link: string, file: string): string {
  const [, path = '', rest = ''] = /^([^?#]*)(.*)$/.exec(link) ?? []
  const inRepository = pathInRepository(path, file)
  if (inRepository === null) return link
  const page = pageOf(inRepository)
  if (page !== null) return `/${page}${rest}`
  const isFolder = existsSync(root + inRepository) && statSync(root + inRepository).isDirectory()
  return `${repository}/${isFolder ? 'tree' : 'blob'}/main/${inRepository}${rest}`
}

function pathInRepository(path: string, file: string): string | null {
  const [, onGitHub] =
    /^https:\/\/github\.com\/throughline-js\/throughline\/(?:blob|tree)\/main\/(.+)/.exec(path) ?? []
  if (onGitHub) return onGitHub
  if (path === '' || path.startsWith('/') || /^[a-z]+:/i.test(path)) return null
  return posix.join(posix.dirname(file), path)
}

/** The id that GitHub gives a heading, so that one link works there and on the site. */
export function anchorOf(heading: string): string {
  return heading
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '')
    .replaceAll(' ', '-')
}
