/** Reads the text that Prometheus reads, version 0.0.4, and takes nothing that the format does not say. */

export interface Family {
  type: string
  help: string
  samples: { name: string; labels: Record<string, string>; value: number }[]
}

const suffixes: Record<string, readonly string[]> = {
  counter: [''],
  gauge: [''],
  histogram: ['_bucket', '_sum', '_count'],
}

/** Throws an Error naming the line for what is not as it has to be. */
export function readExposition(text: string): Map<string, Family> {
  if (text !== '' && !text.endsWith('\n')) throw new Error('the last line has no end')
  const families = new Map<string, Family>()
  const series = new Set<string>()
  let current = ''
  for (const line of text.split('\n').slice(0, -1)) {
    const fail = (what: string): never => {
      throw new Error(`${what}: ${line}`)
    }
    const [, keyword, about = '', rest = ''] = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.+)$/.exec(line) ?? []
    if (keyword === 'HELP') {
      if (families.has(about)) fail('a family comes twice')
      families.set(about, { type: '', help: unescaped(rest, fail), samples: [] })
      current = about
    } else if (keyword === 'TYPE') {
      const family = families.get(about)
      if (!family || about !== current || family.type || family.samples.length)
        return fail('TYPE is not behind HELP')
      if (!suffixes[rest]) fail('there is no such type')
      family.type = rest
    } else {
      const { name, labels, value } = readSample(line, fail)
      const family = families.get(current)
      if (!family?.type) return fail('a sample comes before HELP and TYPE')
      if (!suffixes[family.type]?.some(suffix => name === current + suffix))
        fail(`it is no sample of ${current}`)
      const key = JSON.stringify([name, Object.entries(labels).sort()])
      if (series.has(key)) fail('a series comes twice')
      series.add(key)
      if (family.type === 'counter' && !(value >= 0 && name.endsWith('_total'))) fail('it is no counter')
      family.samples.push({ name, labels, value })
    }
  }
  for (const [name, family] of families) checkFamily(name, family)
  return families
}

function readSample(line: string, fail: (what: string) => never) {
  const [, name = '', braces, value = ''] =
    /^([a-zA-Z_:][\w:]*)(?:\{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)+)\})? (\S+)$/.exec(line) ??
    fail('it is no sample')
  const labels: Record<string, string> = {}
  for (const [, label = '', text = ''] of (braces ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
    if (label in labels) fail('a label comes twice')
    labels[label] = unescaped(text, fail)
  }
  return { name, labels, value: readValue(value, fail) }
}

function readValue(text: string, fail: (what: string) => never): number {
  if (text === 'NaN') return Number.NaN
  if (text === '+Inf' || text === '-Inf')
    return text === '+Inf' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
  return /^-?\d+(\.\d+)?(e[+-]?\d+)?$/.test(text) ? Number(text) : fail('it is no number')
}

function unescaped(text: string, fail: (what: string) => never): string {
  return text.replace(/\\(.?)/g, (_, code: string) => {
    const meant = { n: '\n', '\\': '\\', '"': '"' }[code]
    return meant ?? fail('there is no such escape')
  })
}

function checkFamily(name: string, { type, samples }: Family): void {
  if (!type) throw new Error(`${name} has no TYPE`)
  if (!samples.length) throw new Error(`${name} has no sample`)
  const of = (suffix: string) => samples.filter(sample => sample.name === name + suffix)
  if (type !== 'histogram') return
  if (of('_sum').length !== 1 || of('_count').length !== 1) throw new Error(`${name} has no sum, or no count`)
  const buckets = of('_bucket').map(({ labels, value }) => ({
    le: readValue(labels.le ?? '', no(name)),
    value,
  }))
  buckets.reduce((before, bucket) => {
    if (bucket.le <= before.le || bucket.value < before.value)
      throw new Error(`${name}: its buckets are not cumulative`)
    return bucket
  })
  const last = buckets.at(-1)
  if (last?.le !== Number.POSITIVE_INFINITY || last.value !== of('_count')[0]?.value)
    throw new Error(`${name}: its last bucket does not count all`)
}

function no(name: string) {
  return (what: string): never => {
    throw new Error(`${name}: ${what}`)
  }
}

/** The figures of one family, by the only label that it has. */
export function figures(text: string, name: string): Record<string, number> {
  const family = readExposition(text).get(name)
  if (!family) throw new Error(`there is no ${name}`)
  return Object.fromEntries(
    family.samples.map(({ labels, value }) => [Object.values(labels)[0] ?? '', value]),
  )
}

/** The one figure of a family without labels. */
export function figure(text: string, name: string): number {
  return figures(text, name)[''] ?? Number.NaN
}
