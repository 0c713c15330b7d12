/** What can be imported, by package.json: `.` is `index`. */
import { existsSync, readFileSync } from 'node:fs'

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as { exports: Record<string, unknown> }

export const entries: readonly string[] = Object.keys(manifest.exports)
  .filter(path => path !== './package.json')
  .map(path => path.slice(2) || 'index')

/** `throughline/x` is src/x.ts. What has a folder of its own, as the server has, is there, and so is what stands beside it. */
export function sourceOf(entry: string): string {
  return [`${entry}/index.ts`, `${entry}.ts`].find(path => existsSync(path)) ?? `src/${entry}.ts`
}

/** What is for pages, and has to be small. */
export const forPages = entries.filter(entry => sourceOf(entry).startsWith('src/'))
