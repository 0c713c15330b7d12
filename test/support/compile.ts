/** Compiles code that is in no file, as if it stood in one of the project's. */
import { resolve } from 'node:path'
import ts from 'typescript'

/**
 * What the compiler says against it, with the name of the sample.
 *
 * @param samples the code by its name, a path within the project
 * @param others what goes along without being a module: declarations of what samples take for granted
 */
export function complaints(
  samples: ReadonlyMap<string, string>,
  others: ReadonlyMap<string, string> = new Map(),
): string[] {
  const all = new Map([...samples, ...others].map(([name, code]) => [resolve(name), code]))
  const { config } = ts.readConfigFile('tsconfig.node.json', ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, resolve('.'))
  const paths = {
    throughline: ['./src/index.ts'],
    'throughline/server': ['./server/index.ts'],
    'throughline/*': ['./src/*.ts'],
  }
  const host = ts.createCompilerHost(options)
  const { fileExists, readFile, getSourceFile } = host
  host.fileExists = path => all.has(path) || fileExists(path)
  host.readFile = path => all.get(path) ?? readFile(path)
  host.getSourceFile = (path, target, ...rest) => {
    const code = all.get(path)
    return code === undefined ? getSourceFile(path, target, ...rest) : ts.createSourceFile(path, code, target)
  }
  const program = ts.createProgram([...all.keys()], { ...options, paths }, host)
  return [...samples.keys()].flatMap(name => {
    const file = program.getSourceFile(resolve(name))
    const found = [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]
    return found.map(({ messageText }) => `${name}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`)
  })
}
