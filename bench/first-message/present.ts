import type { Section } from '../question.ts'
import { markdownTable } from '../report/markdown.ts'
import { type Mark, rangeChart } from '../report/range-chart.ts'
import { type Bar, inWords, median, type Row } from './bars.ts'
import { contestants } from './contestants.ts'
import type { Answer, Result } from './index.ts'
import { type Network, networks } from './networks.ts'
import { cap } from './visit.ts'

/** The figures as a section of the page. */
export function present({ machine, rounds, networks: results }: Answer): Section {
  const { cores, node, browser } = machine
  const head = `From the call of \`connect()\` to the first message, in ms: the median of ${rounds} page loads in ${browser}, Node ${node.slice(1)}, ${cores} cores.
Charts show median, shortest and longest on a logarithmic scale. Ratios are to the best that the browser has of its own on that network. Method: [bench/first-message/index.ts](../../bench/first-message/index.ts).
`
  const sections = results.flatMap(result => {
    const network = networks.find(({ name }) => name === result.name)
    return network ? [{ network, result }] : []
  })
  return {
    markdown: [
      head,
      summary(results),
      ...sections.map(({ network, result }) => section(network, result)),
      foot,
    ].join('\n'),
    bars: results.flatMap(({ name, bars }) =>
      bars.map(({ words, limit, took, met }) => ({
        words: `${networkTitle(name)}: ${words}`,
        limit,
        got: took ?? Number.POSITIVE_INFINITY,
        unit: 'ms',
        met,
      })),
    ),
    charts: Object.fromEntries(
      sections.map(({ network, result }) => [chartName(network), chart(network, result)]),
    ),
  }
}

const foot = `\\* Served by a minimal implementation of its server's protocol. "returning": the page was there before, and what worked is remembered.
"eager": with the option of that name. "One refused handshake": until the page hears of it, no message. A row with fewer loads was not asked any more
after two loads without a message.
`

function summary(results: readonly Result[]): string {
  const rows = results.flatMap(({ name, bars }) => bars.map(bar => [networkTitle(name), ...barCells(bar)]))
  return `### Bars\n${markdownTable(['network', 'bar', 'limit', 'took', ''], rows)}`
}

function networkTitle(name: string): string {
  return networks.find(network => network.name === name)?.title ?? name
}

function section(network: Network, result: Result): string {
  const { title, what } = network
  const rows = result.rows.map(row => rowCells(network, result, row))
  return `### ${title}
${what[0]?.toUpperCase()}${what.slice(1)}. ${loadLine(result)}.

![${title}: median, shortest and longest time to first message of each contestant](${chartName(network)})

${markdownTable(rowHead(network), rows)}`
}

function chartName({ name }: Network): string {
  return `first-message-${name}.svg`
}

function chart({ title }: Network, { rows }: Result): string {
  const marks = rows.map(({ who, times }): Mark => {
    const middle = median(times)
    return {
      name: who,
      kind: contestants.find(({ name }) => name === who)?.kind ?? 'peer',
      ...(Number.isFinite(middle) && { low: least(times), middle, high: most(times) }),
      label: middle === Infinity ? neverOr(times) : `${inWords(middle)} ms`,
    }
  })
  return rangeChart(`${title}: ms to first message`, marks, cap)
}

export function rowHead({ reference }: Network): string[] {
  return ['', 'median', 'min', 'max', `÷ ${reference}`, 'loads', 'carried by']
}

export function rowCells({ reference }: Network, { rows }: Result, { who, times, carriers }: Row): string[] {
  const best = median(rows.find(row => row.who === reference)?.times ?? [])
  const middle = median(times)
  const ratio = Number.isFinite(middle) && Number.isFinite(best) ? (middle / best).toFixed(2) : ''
  const [low, high] = [least(times), most(times)].map(inWords)
  return [who, neverOr(times), low ?? '', high ?? '', ratio, `${times.length}`, carriers.join(', ')]
}

export function loadLine({ load, quiet }: Result): string {
  const words = load.map(each => each.toFixed(1)).join(' → ')
  return `Load of the machine ${words}; ${(100 * quiet).toFixed(0)} % of the loads found it idle`
}

export function barLine(bar: Bar): string {
  const [words, limit, took, verdict] = barCells(bar)
  return `${words}: ${took} of ${limit} ms, ${verdict}`
}

function barCells({ words, limit, took, met }: Bar): string[] {
  return [words, inWords(limit), inWords(took), met ? 'met' : 'not met']
}

function neverOr(times: readonly (number | null)[]): string {
  return inWords(median(times))
}

function least(times: readonly (number | null)[]): number {
  return Math.min(...times.map(time => time ?? Infinity))
}

function most(times: readonly (number | null)[]): number {
  return Math.max(...times.map(time => time ?? Infinity))
}
