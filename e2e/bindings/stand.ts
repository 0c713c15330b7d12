import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { type BuildOptions, build, type Plugin } from 'esbuild'
import { compileScript, parse } from 'vue/compiler-sfc'
import type { HubOptions } from '../../server/index.ts'
import { samplesOf } from '../../test/support/component-pages.ts'
import { type Place, startPlace } from '../fixtures/place.ts'
import type { TestPage } from '../fixtures/test.ts'
import type { App, Scene } from './apps/scene.ts'

/** Which framework shows it, and in which release. */
export const frameworks = {
  'react-19': { app: 'react.tsx', server: 'react-server.tsx', alias: {} },
  'react-18': {
    app: 'react.tsx',
    server: 'react-server.tsx',
    alias: { react: 'react-18', 'react-dom': 'react-dom-18' },
  },
  'vue-3': { app: 'vue.ts', server: 'vue-server.ts', alias: {} },
  'svelte-5': { app: 'svelte-5.ts', server: 'svelte-5-server.ts', alias: {} },
  'svelte-4': { app: 'svelte-4.ts', server: 'svelte-4-server.ts', alias: { svelte: 'svelte-4' } },
} satisfies Record<string, { app: string; server: string; alias: Record<string, string> }>

export type Framework = keyof typeof frameworks

/** An app that a page of the documentation shows, and what puts it on the page. */
const shown = {
  react: {
    main: `import { createElement } from 'react'
      import { createRoot } from 'react-dom/client'
      import { App } from './App.tsx'
      createRoot(document.getElementById('app')).render(createElement(App))`,
  },
  vue: {
    main: `import { createApp } from 'vue'
      import App from './App.vue'
      createApp(App).mount('#app')`,
  },
  svelte: {
    main: `import { mount } from 'svelte'
      import App from './App.svelte'
      mount(App, { target: document.getElementById('app') })`,
  },
}

export type Shown = keyof typeof shown

export interface Stand extends AsyncDisposable {
  readonly place: Place
  /** The address of the app. `query`: `strict` for React's StrictMode. */
  url(query?: string): string
  /** What a server would answer with, and what the page makes of it. */
  serveRendered(scene: Scene): Promise<{ url: string; html: string }>
}

/** A hub at /live, and an app in a framework that speaks with it. */
export async function startStand(framework: Framework, options: HubOptions = {}): Promise<Stand> {
  const place = await startPlace({ presence: ['*'], ...options })
  const { site } = place
  const serve = serveApp(place, await bundled(framework, 'app'))
  return {
    place,
    url: (query = '') => `${site.url}/?${query}`,
    async serveRendered(scene) {
      const html = await rendererOf(await bundled(framework, 'server'))(scene)
      serve('/rendered', html)
      return { url: `${site.url}/rendered`, html }
    },
    [Symbol.asyncDispose]: () => place[Symbol.asyncDispose](),
  }
}

/** A hub at /live, and the app that a page of the documentation shows. */
export async function startShown(page: Shown): Promise<Place> {
  const place = await startPlace({ presence: ['*'] })
  const samples = samplesOf(page)
  const { outputFiles } = await build({
    ...usual,
    stdin: { contents: shown[page].main, resolveDir: fileURLToPath(new URL('.', import.meta.url)) },
    format: 'iife',
    conditions: ['browser'],
    plugins: [published, inPage(samples)],
  })
  serveApp(place, outputFiles[0]?.text ?? '')
  return place
}

function serveApp({ site }: Place, script: string): (path: string, html: string) => void {
  site.route('/app.js', (_, response) => {
    response.writeHead(200, { 'Content-Type': 'text/javascript; charset=utf-8' }).end(script)
  })
  const serve = (path: string, html: string) => {
    site.route(path, (_, response) => {
      response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' })
      response.end(`<!doctype html><div id="app">${html}</div><script src="/app.js"></script>`)
    })
  }
  serve('/', '')
  return serve
}

export function show(page: TestPage, scene: Scene): Promise<void> {
  return page.evaluate(scene => (globalThis as unknown as { app: App }).app.show(scene), scene)
}

export function hide(page: TestPage): Promise<void> {
  return page.evaluate(() => (globalThis as unknown as { app: App }).app.hide())
}

const bundles = new Map<string, Promise<string>>()

function bundled(framework: Framework, side: 'app' | 'server'): Promise<string> {
  const name = `${framework} ${side}`
  const known = bundles.get(name) ?? bundle(framework, side)
  bundles.set(name, known)
  return known
}

const require = createRequire(import.meta.url)

const usual = {
  bundle: true,
  write: false,
  logLevel: 'error',
  jsx: 'automatic',
  // Frameworks warn of what they have to mend while they take over.
  define: {
    'process.env.NODE_ENV': '"development"',
    __VUE_OPTIONS_API__: 'true',
    __VUE_PROD_DEVTOOLS__: 'false',
    __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'true',
  },
} as const satisfies BuildOptions

async function bundle(framework: Framework, side: 'app' | 'server'): Promise<string> {
  const { alias, [side]: entry } = frameworks[framework]
  const isApp = side === 'app'
  const { outputFiles } = await build({
    ...usual,
    entryPoints: [fileURLToPath(new URL(`apps/${entry}`, import.meta.url))],
    alias,
    ...(isApp ? { format: 'iife', conditions: ['browser'] } : { format: 'cjs', platform: 'node' }),
    plugins: [published, svelte(framework, isApp)],
  })
  return outputFiles[0]?.text ?? ''
}

/** What is built is what is tried. */
const published: Plugin = {
  name: 'published',
  setup({ onResolve }) {
    onResolve({ filter: /^throughline\// }, ({ path }) => ({
      path: fileURLToPath(new URL(`../../dist/${path.slice('throughline/'.length)}.js`, import.meta.url)),
    }))
  },
}

interface Compiler {
  compile(source: string, options: object): { js: { code: string } }
  compileModule(source: string, options: object): { js: { code: string } }
}

function svelte(framework: Framework, isApp: boolean): Plugin {
  return {
    name: 'svelte',
    setup({ onLoad }) {
      onLoad({ filter: /\.svelte(\.js)?$/ }, async ({ path: filename }) => {
        const isOld = framework === 'svelte-4'
        const { compile, compileModule }: Compiler = require(isOld ? 'svelte-4/compiler' : 'svelte/compiler')
        const source = await readFile(filename, 'utf8')
        const generate = isOld ? (isApp ? 'dom' : 'ssr') : isApp ? 'client' : 'server'
        const made = filename.endsWith('.js')
          ? compileModule(source, { filename, generate })
          : compile(source, { filename, generate, ...(isOld && { hydratable: true }) })
        return { contents: made.js.code, loader: 'js' }
      })
    },
  }
}

/** What is in no file: what a page shows, compiled as a tool for its framework does. */
function inPage(samples: ReadonlyMap<string, string>): Plugin {
  return {
    name: 'in-page',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^\.\// }, ({ path }) => {
        const name = path.slice('./'.length)
        return samples.has(name) ? { path: name, namespace: 'page' } : undefined
      })
      onLoad({ filter: /.*/, namespace: 'page' }, ({ path: name }) => ({
        ...compiled(name, samples.get(name) ?? ''),
        resolveDir: fileURLToPath(new URL('.', import.meta.url)),
      }))
    },
  }
}

function compiled(filename: string, code: string): { contents: string; loader: 'js' | 'ts' | 'tsx' } {
  if (filename.endsWith('.svelte')) {
    const { compile }: Compiler = require('svelte/compiler')
    return { contents: compile(code, { filename }).js.code, loader: 'js' }
  }
  if (filename.endsWith('.vue')) {
    const { descriptor } = parse(code, { filename })
    return {
      contents: compileScript(descriptor, { id: filename, inlineTemplate: true }).content,
      loader: 'ts',
    }
  }
  return { contents: code, loader: 'tsx' }
}

/** As a server would load it: there is no document here. */
function rendererOf(code: string): (scene: Scene) => Promise<string> {
  const module = { exports: {} as { render(scene: Scene): Promise<string> } }
  new Function('module', 'exports', 'require', code)(module, module.exports, require)
  return module.exports.render
}
