import { resolve } from 'node:path'
import { build } from 'esbuild'

/** A script for a page, as whoever publishes one would build it. `code` imports by paths from bench/. */
export async function bundle(code: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: resolve('bench'), loader: 'ts' },
    bundle: true,
    // Functions keep their names for a profiler.
    minify: !process.env.BENCH_READABLE,
    write: false,
    target: 'es2020',
    // As the published modules, and the script-tag build, have it.
    tsconfigRaw: { compilerOptions: { useDefineForClassFields: false } },
    ...(code.includes('/throughline') && { banner: { js: '//# allFunctionsCalledOnLoad' } }),
    define: { global: 'globalThis' },
    logLevel: 'error',
  })
  return outputFiles[0]?.text ?? ''
}
