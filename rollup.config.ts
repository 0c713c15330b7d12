import { readdirSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { InputPluginOption, RollupOptions } from 'rollup'
import { dts } from 'rollup-plugin-dts'
import esbuild, { minify } from 'rollup-plugin-esbuild'

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as { exports: Record<string, unknown> }

const browserEntries = { index: 'src/index.ts', core: 'src/core.ts', ...publishedEntries() }
const serverEntries = { server: 'server/index.ts' }
const ofTheServer = [/^node:/, 'ws', 'redis']

/**
 * V8 compiles a function when it is first called, which for a page's first line would all happen between `connect()` and the
 * first message. With this word it compiles the file while it loads. Other engines see a comment.
 */
const banner = '//# allFunctionsCalledOnLoad'

export default [
  modules(browserEntries, 'es2020', []),
  modules(serverEntries, 'node20', ofTheServer),
  declarations({ ...browserEntries, ...serverEntries }),
  scriptTag('dist/throughline.js', false),
  scriptTag('dist/throughline.min.js', true),
] satisfies RollupOptions[]

/** A dialect or a transport is published by naming it under `exports` in package.json: its file and its name are the same. */
function publishedEntries(): Record<string, string> {
  const all = ['dialects', 'transports'].flatMap(folder =>
    readdirSync(`src/${folder}`).map(file => `${folder}/${basename(file, '.ts')}`),
  )
  const published = all.filter(name => `./${name}` in manifest.exports)
  return Object.fromEntries(published.map(name => [name, `src/${name}.ts`]))
}

function modules(
  input: Record<string, string>,
  target: string,
  external: (string | RegExp)[],
): RollupOptions {
  return {
    input,
    external,
    plugins: compile(target),
    output: { dir: 'dist', format: 'es', sourcemap: true, chunkFileNames: 'shared/[name].js' },
    onwarn: refuse,
  }
}

function declarations(input: Record<string, string>): RollupOptions {
  return {
    input,
    external: [...ofTheServer, /^@types\//],
    plugins: dts({ tsconfig: 'tsconfig.node.json' }),
    output: { dir: 'dist', format: 'es', chunkFileNames: 'shared/[name].d.ts' },
    onwarn: refuse,
  }
}

function scriptTag(file: string, small: boolean): RollupOptions {
  return {
    input: 'src/index.ts',
    plugins: [compile('es2020', small), small && minify({ target: 'es2020', banner })],
    output: {
      file,
      format: 'iife',
      name: 'Throughline',
      indent: '  ',
      sourcemap: true,
      ...(!small && { banner }),
    },
    onwarn: refuse,
  }
}

function compile(target: string, minify = false): InputPluginOption {
  const tsconfigRaw = { compilerOptions: { useDefineForClassFields: false } }
  return esbuild({ target, minify, tsconfig: false, tsconfigRaw, platform: 'neutral' })
}

/** An import that does not resolve is only a warning to rollup, but a broken bundle to whoever installs it. */
function refuse(warning: { message: string }): never {
  throw new Error(warning.message)
}
