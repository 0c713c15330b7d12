import type { Buckets } from './histogram.ts'

/** A family of figures, as Prometheus has it. Names are lower case letters, digits and underscores, with the unit last; those of counters end in `_total`. */
export type Metric = { readonly name: string; readonly help: string } & (
  | { readonly type: 'counter' | 'gauge'; readonly samples: readonly Sample[] }
  | ({ readonly type: 'histogram' } & Buckets)
)

/** One figure. What is in `labels` has to come from a list that is known beforehand: each combination is kept for ever. */
export interface Sample {
  /** What tells it from the other figures of its family. */
  readonly labels?: Readonly<Record<string, string>>
  /** The figure; a number of seconds where the name ends in `_seconds`. */
  readonly value: number
}

export function counter(name: string, help: string, value: number): Metric {
  return { name, help, type: 'counter', samples: [{ value }] }
}

export function gauge(name: string, help: string, value: number): Metric {
  return { name, help, type: 'gauge', samples: [{ value }] }
}

/** One figure for each name in `counts`, under that label. */
export function byLabel(
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  label: string,
  counts: Readonly<Record<string, number>>,
): Metric {
  const samples = Object.entries(counts).map(([key, value]) => ({ labels: { [label]: key }, value }))
  return { name, help, type, samples }
}

/**
 * The text that Prometheus reads, in version 0.0.4 of its format.
 *
 * @throws {TypeError} for a name or a label that the format has not, and for a name that is there twice
 */
export function write(metrics: readonly Metric[]): string {
  const seen = new Set<string>()
  return metrics
    .map(metric => {
      checkName(metric.name)
      if (seen.has(metric.name)) throw new TypeError(`the metric ${metric.name} is there twice`)
      seen.add(metric.name)
      const { name, help, type } = metric
      return `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n${samplesOf(metric).join('')}`
    })
    .join('')
}

function samplesOf(metric: Metric): string[] {
  const { name } = metric
  if (metric.type === 'histogram') return bucketsOf(name, metric)
  return metric.samples.map(({ labels = {}, value }) => line(name, labels, value))
}

/** Each bucket counts all that is no larger, so the last one counts all. */
function bucketsOf(name: string, { bounds, counts, sum }: Buckets): string[] {
  let all = 0
  const buckets = [...bounds, Number.POSITIVE_INFINITY].map((bound, at) => {
    all += counts[at] ?? 0
    return line(`${name}_bucket`, { le: written(bound) }, all)
  })
  return [...buckets, line(`${name}_sum`, {}, sum), line(`${name}_count`, {}, all)]
}

function line(name: string, labels: Readonly<Record<string, string>>, value: number): string {
  const pairs = Object.entries(labels).map(([key, text]) => {
    checkName(key)
    return `${key}="${escapeLabel(text)}"`
  })
  return `${name}${pairs.length ? `{${pairs.join(',')}}` : ''} ${written(value)}\n`
}

function written(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : `${value}`
}

function checkName(name: string): void {
  if (!/^[a-z][a-z0-9_]*$/.test(name))
    throw new TypeError(
      `${JSON.stringify(name)} is no name for a metric or a label: it is lower case letters, digits and _`,
    )
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"')
}
