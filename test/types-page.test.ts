/** The samples of docs/types.md compile as they stand, and what they say does not compile does not. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import ts from 'typescript'
import { expect, it } from 'vitest'

/** By the name that its first line gives. */
const samples = new Map(
  [...readFileSync('docs/types.md', 'utf8').matchAll(/^```ts\n\/\/ (\S+)\n(.*?)^```/gms)].map(
    ([, name = '', code = '']) => [resolve('docs', name), code],
  ),
)

it('the samples of docs/types.md compile', () => {
  expect(samples.size).toBe(3)
  const { config } = ts.readConfigFile('tsconfig.node.json', ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, resolve('.'))
  const paths = { throughline: ['./src/index.ts'], 'throughline/server': ['./server/index.ts'] }
  const host = ts.createCompilerHost(options)
  const { fileExists, readFile, getSourceFile } = host
  host.fileExists = path => samples.has(path) || fileExists(path)
  host.readFile = path => samples.get(path) ?? readFile(path)
  host.getSourceFile = (path, target, ...others) => {
    const code = samples.get(path)
    return code === undefined
      ? getSourceFile(path, target, ...others)
      : ts.createSourceFile(path, code, target)
  }
  const program = ts.createProgram([...samples.keys()], { ...options, paths }, host)
  const wrong = [...samples.keys()].flatMap(path => {
    const file = program.getSourceFile(path)
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]
  })
  expect(wrong.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))).toEqual([])
})
