import type { Figures } from './figures.ts'
import type { Course } from './simulate.ts'

/** How much of each course the sparkline shows from the cut on, at how many seconds a character. */
const shown = { seconds: 150, each: 3 }

const head = ['', 'all back', 'drained in', 'p50', 'p99', 'attempts', 'peak/s', 'gave up']

/** Lines of text, the columns under their heads. */
export function table(rows: readonly { name: string; course: Course; figures: Figures }[]): string {
  const cells = rows.map(({ name, figures }) => [name, ...words(figures)])
  const widths = head.map((word, column) =>
    Math.max(...[head, ...cells].map(row => row[column]?.length ?? 0), word.length),
  )
  const sparks = rows.map(({ course }) => sparkline(course))
  const title = `attempts/s over ${shown.seconds} s, each row to its own scale`
  return [head, ...cells]
    .map((row, index) => `${line(row, widths)}  ${index === 0 ? title : sparks[index - 1]}`)
    .join('\n')
}

function words({ recovery, drain, median, p99, attemptsEach, peak, gaveUp }: Figures): string[] {
  const times = [recovery, drain, median, p99].map(seconds)
  return [...times, attemptsEach.toFixed(2), peak.toLocaleString('en'), gaveUp.toLocaleString('en')]
}

function seconds(ms: number): string {
  return Number.isFinite(ms) ? `${(ms / 1_000).toFixed(1)} s` : 'never'
}

/** The first column to the left, all numbers to the right. */
function line(row: readonly string[], widths: readonly number[]): string {
  return row
    .map((word, column) => (column === 0 ? word.padEnd(widths[0] ?? 0) : word.padStart(widths[column] ?? 0)))
    .join('  ')
}

/** The most of each few seconds; a bar stands where the outage ends. */
function sparkline({ attempts, storm }: Course): string {
  const highs = Array.from({ length: shown.seconds / shown.each }, (_, index) =>
    Math.max(0, ...attempts.subarray(index * shown.each, (index + 1) * shown.each)),
  )
  const top = Math.max(1, ...highs)
  const bars = highs.map(high => ' ▁▂▃▄▅▆▇█'[Math.ceil((high / top) * 8)])
  if (storm.outage > 0) bars.splice(Math.round(storm.outage / 1_000 / shown.each), 0, '|')
  return bars.join('')
}
