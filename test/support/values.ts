import { readFileSync } from 'node:fs'

/** The rows of one table of docs/values.md: a value as it is written in code, and what becomes of it by column. */
export function rowsOf(heading: string): { value: string; becomes: Record<string, string> }[] {
  const text = readFileSync(new URL('../../docs/values.md', import.meta.url), 'utf8')
  const section = text.slice(text.indexOf(`## ${heading}\n`)).split('\n## ')[0] as string
  const [head = [], , ...rows] = section
    .split('\n')
    .filter(line => line.startsWith('|'))
    .map(line => line.split(' | ').map(cell => cell.replace(/^\| | \|$/g, '')))
  return rows.map(([value = '', ...cells]) => ({
    value: value.slice(1, -1),
    becomes: Object.fromEntries(cells.map((cell, at) => [head[at + 1]?.replaceAll('`', ''), cell])),
  }))
}
