/**
 * Makes the site of the docs, in docs/.vitepress/dist: `npm run docs:site`. With the demo in the page where there is a script that makes it,
 * and for a folder of a host where the variable DOCS_BASE names it, as `/throughline/`.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { build } from 'vitepress'

export const site = 'docs/.vitepress/dist'

/** @throws {Error} that names each link that leads to no page */
export async function makeSite(): Promise<void> {
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'))
  const hasDemo = 'demo:static' in scripts
  if (hasDemo) process.env.DOCS_DEMO = 'yes'
  await build('docs')
  if (hasDemo) run('npm', 'run', '--silent', 'demo:static', '--', '--out', `${site}/demo`)
}

function run(command: string, ...args: string[]): void {
  const { status } = spawnSync(command, args, { stdio: 'inherit' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} has failed`)
}

if (process.argv[1]?.endsWith('site.ts')) await makeSite()
