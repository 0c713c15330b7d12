import { existsSync, readFileSync, rmSync } from 'node:fs'
import { transform } from '@swc/core'
import type { InputPluginOption, OutputOptions, Plugin, RollupOptions } from 'rollup'
import { dts } from 'rollup-plugin-dts'
import esbuild from 'rollup-plugin-esbuild'
import { minify } from 'terser'

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as { exports: Record<string, unknown> }

const browserEntries = { index: 'src/index.ts', ...publishedEntries() }
const serverEntries = {
  server: 'server/index.ts',
  'server/nats': 'server/nats.ts',
  testing: 'testing/index.ts',
  'testing/log': 'testing/log/index.ts',
  'testing/playwright': 'testing/playwright/index.ts',
}
/** Each is had by the page that wants it, and is named in the entry of its name alone. */
const frameworks = ['react', 'svelte/store', 'vue']
const ofTheServer = [/^node:/, 'ws', 'redis', /^@nats-io\//, '@playwright/test']

/** For what still asks by `require`: Jest, Node below 20.19, and resolvers that read `main`. */
const cjs: OutputOptions = { ...named('dist', 'cjs'), format: 'cjs', exports: 'named' }

/**
 * V8 compiles a function when it is first called, which for a page's first line would all happen between `connect()` and the
 * first message. With this word it compiles the file while it loads. Other engines see a comment.
 */
const banner = '//# allFunctionsCalledOnLoad'

/** Frameworks that render on a server take hooks for their own side, unless a file begins with this. */
const forClients = `'use client';`

// What an earlier build left, under a name that no module has any more, would be shipped.
rmSync('dist', { recursive: true, force: true })

export default [
  modules(browserEntries, 'es2020', frameworks, [{ ...named('dist', 'js'), sourcemap: true }, cjs]),
  // What `development` means among the conditions of package.json: the same with warnings.
  modules(browserEntries, 'es2020', frameworks, [named('dist/development', 'js')], true),
  // What the server and the program share has a folder of its own: the program brings its own copy of the SDK.
  modules({ ...serverEntries, cli: 'cli/main.ts' }, 'node20', ofTheServer, [
    { ...named('dist', 'js', 'node'), sourcemap: true },
    { ...cjs, ...named('dist', 'cjs', 'node') },
  ]),
  declarations({ ...browserEntries, ...serverEntries }),
  scriptTag('src/script-tag.ts', 'dist/throughline.js', false),
  scriptTag('src/script-tag.ts', 'dist/throughline.min.js', true),
  // For televisions and kiosks: docs/legacy.md.
  scriptTag('src/script-tag.ts', 'dist/throughline.legacy.js', true, 'Throughline', es5()),
  // For pages that want nothing but another client's class.
  scriptTag('src/drop-in.ts', 'dist/throughline-drop-in.min.js', true, 'ThroughlineDropIn'),
  // For development: it traces the lines of any of the others.
  scriptTag('src/inspector.ts', 'dist/throughline-inspector.min.js', true, 'ThroughlineInspector'),
] satisfies RollupOptions[]

function named(dir: string, ending: string, shared = 'shared'): OutputOptions {
  return {
    dir,
    format: ending === 'cjs' ? 'cjs' : 'es',
    entryFileNames: `[name].${ending}`,
    chunkFileNames: `${shared}/[name].${ending}`,
    banner: ({ name }) => (name === 'react' && ending.endsWith('js') ? forClients : ''),
  }
}

/** What `exports` in package.json names is published: `throughline/x/y` is the module src/x/y.ts. The server has a build of its own. */
function publishedEntries(): Record<string, string> {
  const names = Object.keys(manifest.exports).map(path => path.slice(2))
  const ofPages = names.filter(name => existsSync(`src/${name}.ts`))
  return Object.fromEntries(ofPages.map(name => [name, `src/${name}.ts`]))
}

function modules(
  input: Record<string, string>,
  target: string,
  external: (string | RegExp)[],
  output: OutputOptions[],
  warns = false,
): RollupOptions {
  return { input, external, plugins: compile(target, { warns }), output, onwarn: refuse }
}

function declarations(input: Record<string, string>): RollupOptions {
  return {
    input,
    external: [...ofTheServer, ...frameworks, /^@types\//],
    plugins: dts({ tsconfig: 'tsconfig.node.json' }),
    output: ['d.ts', 'd.cts'].map(ending => named('dist', ending)),
    onwarn: refuse,
  }
}

function scriptTag(
  input: string,
  file: string,
  small: boolean,
  name = 'Throughline',
  smaller = shrink(),
): RollupOptions {
  return {
    input,
    plugins: [compile('es2020', { warns: !small }), small && smaller],
    output: {
      file,
      format: 'iife',
      name,
      indent: '  ',
      sourcemap: true,
      // Each of these files has all of the source in it, which would be packed three times. It is packed once, as src/: a map says where,
      // and a debugger reads it from there. What bundlers read, the modules' maps, has it inside, since not all of them look elsewhere.
      sourcemapExcludeSources: true,
      ...(!small && { banner }),
    },
    onwarn: refuse,
  }
}

/** `DEV` is true where warnings are wanted; elsewhere what they say is left out. */
function compile(target: string, { warns = false }): InputPluginOption {
  const tsconfigRaw = { compilerOptions: { useDefineForClassFields: false } }
  const define = { DEV: `${warns}` }
  return esbuild({ target, define, tsconfig: false, tsconfigRaw, platform: 'neutral' })
}

/** Terser makes it 1.1 kB smaller (brotli) than esbuild does. */
function shrink(): Plugin {
  return {
    name: 'shrink',
    async renderChunk(code) {
      const format = { preamble: banner }
      const small = await minify(code, { ecma: 2020, compress: { passes: 3 }, format, sourceMap: true })
      return { code: small.code ?? '', map: small.map as string }
    },
  }
}

/** What the language had in 2009, with what is called as a name of later (`globalThis`) beside it. What a browser has to bring is another matter. */
function es5(): Plugin {
  return {
    name: 'es5',
    async renderChunk(code) {
      const jsc = { parser: { syntax: 'ecmascript' }, target: 'es5' } as const
      const old = await transform(code, { jsc, isModule: false, sourceMaps: true })
      // What the compiler adds is to be no global.
      const closed = `var Throughline = (function (globalThis, queueMicrotask) {${old.code}; return Throughline })(self, self.queueMicrotask || function (act) { Promise.resolve().then(act) })`
      const options = {
        ecma: 5,
        ie8: false,
        compress: { passes: 3 },
        sourceMap: { content: old.map ?? '' },
      } as const
      const small = await minify(closed, options)
      return { code: small.code ?? '', map: small.map as string }
    },
  }
}

/** An import that does not resolve is only a warning to rollup, but a broken bundle to whoever installs it. */
function refuse(warning: { message: string }): never {
  throw new Error(warning.message)
}
