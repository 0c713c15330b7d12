/**
 * Writes the first page of the demo as a folder that any static host serves, or none: `npm run demo:static -- --out FOLDER`. Its server runs in the page.
 */
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { build, type Plugin } from 'esbuild'

const project = fileURLToPath(new URL('..', import.meta.url))
const demo = join(project, 'demo')
const pages = join(demo, 'public')
const fromNode = { modules: join(demo, 'static/node.ts'), globals: join(demo, 'static/globals.ts') }
const github = 'https://github.com/throughline-js/throughline/blob/main/'

export async function writeStaticDemo(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  await build({
    entryPoints: [join(pages, 'index.js')],
    outfile: join(folder, 'index.js'),
    bundle: true,
    minify: true,
    legalComments: 'none',
    // No module: browsers load none from a file.
    format: 'iife',
    target: 'es2022',
    define: { DEV: 'false' },
    inject: [fromNode.globals],
    plugins: [inPage],
  })
  for (const name of ['base.css', 'index.css', 'mark.svg']) await cp(join(pages, name), join(folder, name))
  const page = await readFile(join(pages, 'index.html'), 'utf8')
  await writeFile(join(folder, 'index.html'), alone(page))
}

/** The server comes into the page, and what it takes from Node with it. */
const inPage: Plugin = {
  name: 'in page',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/place\.js$/ }, () => ({ path: join(demo, 'static/place.ts') }))
    onResolve({ filter: /^(node:.*|ws|redis)$/ }, () => ({ path: fromNode.modules }))
  },
}

/** The page without the others, which need a server. What it links to is elsewhere, also for whoever sees it in a frame. */
function alone(page: string): string {
  return page
    .replace('type="module" src="index.js"', 'defer src="index.js"')
    .replace(/<nav[\s\S]*?<\/nav>/g, '')
    .replace(/href="((?:docs\/|README)[^"]*)"/g, (_, path) => `href="${github}${path}" target="_top"`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { out: { type: 'string' } } })
  if (!values.out) throw new Error('--out FOLDER says where to write it')
  await writeStaticDemo(resolve(values.out))
}
