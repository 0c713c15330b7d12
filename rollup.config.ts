import { existsSync, readFileSync, rmSync } from 'node:fs'
import type { InputPluginOption, OutputOptions, Plugin, RollupOptions } from 'rollup'
import { dts } from 'rollup-plugin-dts'
import esbuild from 'rollup-plugin-esbuild'
import { minify } from 'terser'

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as { exports: Record<string, unknown> }

const browserEntries = { index: 'src/index.ts', ...publishedEntries() }
const serverEntries = { server: 'server/index.ts' }
const ofTheServer = [/^node:/, 'ws', 'redis']

/** For what still asks by `require`: Jest, Node below 20.19, and resolvers that read `main`. */
const cjs: OutputOptions = { ...named('dist', 'cjs'), format: 'cjs', exports: 'named' }

/**
 * V8 compiles a function when it is first called, which for a page's first line would all happen between `connect()` and the
 * first message. With this word it compiles the file while it loads. Other engines see a comment.
 */
const banner = '//# allFunctionsCalledOnLoad'

// What an earlier build left, under a name that no module has any more, would be shipped.
rmSync('dist', { recursive: true, force: true })

export default [
  modules(browserEntries, 'es2020', [], [{ ...named('dist', 'js'), sourcemap: true }, cjs]),
  // What `development` means among the conditions of package.json: the same with warnings.
  modules(browserEntries, 'es2020', [], [named('dist/development', 'js')], true),
  modules({ ...serverEntries, serve: 'server/serve.ts' }, 'node20', ofTheServer, [
    { ...named('dist', 'js'), sourcemap: true },
    cjs,
  ]),
  declarations({ ...browserEntries, ...serverEntries }),
  scriptTag('src/script-tag.ts', 'dist/throughline.js', false),
  scriptTag('src/script-tag.ts', 'dist/throughline.min.js', true),
  // For pages that want nothing but another client's class.
  scriptTag('src/drop-in.ts', 'dist/throughline-drop-in.min.js', true, 'ThroughlineDropIn'),
] satisfies RollupOptions[]

function named(dir: string, ending: string): OutputOptions {
  return { dir, format: 'es', entryFileNames: `[name].${ending}`, chunkFileNames: `shared/[name].${ending}` }
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
    external: [...ofTheServer, /^@types\//],
    plugins: dts({ tsconfig: 'tsconfig.node.json' }),
    output: ['d.ts', 'd.cts'].map(ending => named('dist', ending)),
    onwarn: refuse,
  }
}

function scriptTag(input: string, file: string, small: boolean, name = 'Throughline'): RollupOptions {
  return {
    input,
    plugins: [compile('es2020', { warns: !small }), small && shrink()],
    output: {
      file,
      format: 'iife',
      name,
      indent: '  ',
      sourcemap: true,
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

/** An import that does not resolve is only a warning to rollup, but a broken bundle to whoever installs it. */
function refuse(warning: { message: string }): never {
  throw new Error(warning.message)
}
