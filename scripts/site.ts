/**
 * Makes the site of the docs, with the demo in a page, in docs/.vitepress/dist: `npm run docs:site`. For a folder of a host where the variable
 * DOCS_BASE names it, as `/throughline/`.
 */
import { spawnSync } from 'node:child_process'
import { build } from 'vitepress'

export const site = 'docs/.vitepress/dist'

/** @throws {Error} that names each link that leads to no page */
export async function makeSite(): Promise<void> {
  await build('docs')
  run('npm', 'run', '--silent', 'demo:static', '--', '--out', `${site}/live-demo`)
}

function run(command: string, ...args: string[]): void {
  const { status } = spawnSync(command, args, { stdio: 'inherit' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} has failed`)
}

if (process.argv[1]?.endsWith('site.ts')) await makeSite()
