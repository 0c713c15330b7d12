/** What a question has found, in the form that most of them share: tables, of which some have a chart, and bars. */
import { loadavg } from 'node:os'
import type { Effort, Machine, Question, Section } from '../question.ts'
import { columns as lay } from './columns.ts'
import { type Line, lineChart } from './line-chart.ts'
import { markdownTable } from './markdown.ts'
import { type Kind, type Mark, rangeChart } from './range-chart.ts'

export interface Findings {
  readonly machine: Machine
  readonly rounds: number
  /** Of one minute, before and after: how many processes wanted a processor. */
  readonly load: readonly [number, number]
  readonly tables: readonly Table[]
  readonly bars: readonly Bar[]
}

/** What a question's own code finds. */
export type Found = Omit<Findings, 'load'>

export interface Table {
  /** Its chart's file is called so. */
  readonly name: string
  readonly title: string
  /** What is to be known to read it. */
  readonly what: string
  /** The columns after the first, which has the names. */
  readonly columns: readonly Column[]
  readonly rows: readonly Row[]
  readonly chart?: Chart | undefined
}

export interface Column {
  readonly name: string
  /** After the point. */
  readonly digits: number
}

export interface Row {
  readonly who: string
  readonly kind: Kind
  readonly cells: readonly (number | null)[]
  /** The lowest and the highest of the rounds, for the column that the chart shows. */
  readonly spread?: readonly [number, number]
}

export type Chart =
  | { readonly of: number; readonly title: string; readonly from: number; readonly to: number }
  | {
      readonly title: string
      readonly x: string
      readonly y: string
      /** The scales are logarithmic. */
      readonly lines: readonly Line[]
    }

/** What Throughline asks of itself, and what it did. */
export interface Bar {
  readonly words: string
  readonly limit: number
  readonly got: number
  readonly unit: string
  readonly met: boolean
}

export function atMost(words: string, got: number, limit: number, unit: string): Bar {
  return { words, limit, got, unit, met: got <= limit }
}

export function atLeast(words: string, got: number, limit: number, unit: string): Bar {
  return { words, limit, got, unit, met: got >= limit }
}

/** A question that is answered by findings. `intro` says what the figures are. */
export function question(
  about: { name: string; title: string; intro: string },
  find: (effort: Effort) => Promise<Found>,
): Question<Findings> {
  const { name, title, intro } = about
  return {
    name,
    title,
    async ask(effort) {
      const before = loadNow()
      const findings = { ...(await find(effort)), load: [before, loadNow()] as const }
      print(findings)
      return findings
    },
    present: findings => present(intro, `bench/${name}/index.ts`, findings),
  }
}

export function loadNow(): number {
  return loadavg()[0] ?? 0
}

function print({ tables, bars, load }: Findings): void {
  for (const table of tables) printTable(table)
  for (const bar of bars) console.log(`  ${barCells(bar).join(' · ')}`)
  console.log(`  Load of the machine ${load.map(each => each.toFixed(1)).join(' → ')}\n`)
}

export function printTable(table: Table): void {
  console.log(`${table.title}. ${table.what}`)
  console.log(`${lay([headOf(table), ...table.rows.map(row => cellsOf(table, row))])}\n`)
}

/** The section of the page. `file` is where the method is told. */
function present(intro: string, file: string, findings: Findings): Section {
  const { machine, rounds, load, tables, bars } = findings
  const { browser, node, cores } = machine
  const where = [browser, `Node ${node.slice(1)}`, `${cores} cores`].filter(Boolean).join(', ')
  const head = `${intro} Medians of ${rounds} ${rounds === 1 ? 'round' : 'rounds'}; ${where}; load of the machine ${load.map(each => each.toFixed(1)).join(' → ')}. Method: [${file}](../../${file}).\n`
  const barTable = bars.length
    ? [`### Bars\n${markdownTable(['bar', 'limit', 'got', ''], bars.map(barCells))}`]
    : []
  return {
    markdown: [head, ...barTable, ...tables.map(tableSection)].join('\n'),
    bars,
    charts: Object.fromEntries(
      tables.flatMap(table => (table.chart ? [[chartName(table), draw(table, table.chart)]] : [])),
    ),
  }
}

function tableSection(table: Table): string {
  const { title, what, rows, chart } = table
  const image = chart ? `\n![${chart.title}](${chartName(table)})\n` : ''
  const cells = rows.map(row => cellsOf(table, row))
  return `### ${title}\n${what}\n${image}\n${markdownTable(headOf(table), cells)}`
}

function chartName({ name }: Table): string {
  return `${name}.svg`
}

function draw({ rows, columns }: Table, chart: Chart): string {
  if ('lines' in chart) return lineChart(chart.title, chart.x, chart.y, chart.lines)
  const marks = rows.map(({ who: name, kind, cells, spread }): Mark => {
    const middle = cells[chart.of] ?? undefined
    if (middle === undefined) return { name, kind, label: 'never' }
    const label = show(middle, columns[chart.of]?.digits)
    return { name, kind, label, middle, ...(spread && { low: spread[0], high: spread[1] }) }
  })
  return rangeChart(chart.title, marks, chart.to, chart.from)
}

function headOf({ columns }: Table): string[] {
  return ['', ...columns.map(({ name }) => name)]
}

function cellsOf({ columns }: Table, { who, cells }: Row): string[] {
  return [who, ...cells.map((cell, column) => (cell === null ? '' : show(cell, columns[column]?.digits)))]
}

function barCells(bar: Bar): string[] {
  const { words, limit, got, met } = bar
  return [words, withUnit(bar, limit), withUnit(bar, got), met ? 'met' : 'not met']
}

/** A figure of a bar's, with as many digits as its limit has. */
export function withUnit({ limit, unit }: Bar, figure: number): string {
  return `${show(figure, limit < 10 ? 2 : limit < 100 ? 1 : 0)} ${unit}`.trim()
}

function show(figure: number, digits = 0): string {
  return figure.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}
