/** What docs/operations.md and the dashboard say is what the code prints, and their numbers fit each other. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { refusalReasons } from '../server/http-error.ts'
import { createHub, redisLog } from '../server/index.ts'
import { closeReasons, doubtCauses } from '../server/operation/record.ts'
import { readExposition } from './server/exposition.ts'

const page = readFileSync('docs/operations.md', 'utf8')
const promtool = '/usr/bin/promtool'

// Nobody is there: it prints the same families as one that is connected.
const log = redisLog({ url: 'redis://127.0.0.1:1' })
const hub = createHub({ log })
hub.on('error', () => {})
const families = readExposition(hub.metrics())
afterAll(async () => {
  await hub.close()
  await log.close()
})

/** The names of ours in an expression, by family. */
function familiesIn(expression: string): string[] {
  return [...expression.matchAll(/\bthroughline_\w+/g)].map(([name]) => {
    const family = name.replace(/_(bucket|sum|count)$/, '')
    return families.get(family)?.type === 'histogram' ? family : name
  })
}

function codeBlocks(language: string): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))].map(
    ([, text = '']) => text,
  )
}

describe('the dashboard', () => {
  interface Panel {
    id: number
    type: string
    title: string
    gridPos: { x: number; y: number; w: number; h: number }
    targets?: { refId: string; expr: string }[]
  }
  const { panels, templating } = JSON.parse(readFileSync('docs/operations/dashboard.json', 'utf8')) as {
    panels: Panel[]
    templating: { list: { name: string; query: string | { query: string } }[] }
  }
  const graphs = panels.filter(({ type }) => type !== 'row')
  const expressions = graphs.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))

  it.each(expressions)('%s names what hub.metrics() prints', expression => {
    const named = familiesIn(expression)
    expect(named.length).toBeGreaterThan(0)
    expect(named.filter(name => !families.has(name))).toEqual([])
    // A rate is of what only grows, and quantiles are of buckets.
    for (const [, name = ''] of expression.matchAll(/(?:rate|increase)\((\w+)/g))
      expect(name).toMatch(/_(total|bucket)$/)
    for (const [, name = ''] of expression.matchAll(/by \(([\w, ]+)\)/g))
      expect(name).toMatch(/^(le|instance|transport|reason|cause)(, (le|instance))?$/)
  })

  it('has a panel for each family', () => {
    const shown = new Set(expressions.flatMap(familiesIn))
    expect([...families.keys()].filter(name => !shown.has(name))).toEqual([])
  })

  it('has variables that are there, and panels that do not lie on one another', () => {
    const names = templating.list.map(({ name }) => name)
    const used = [...JSON.stringify(panels).matchAll(/\$\{?(\w+)/g)].map(([, name = '']) => name)
    expect(used.filter(name => !names.includes(name) && !name.startsWith('__'))).toEqual([])
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, at) => `${x + (at % w)},${y + Math.floor(at / w)}`),
    )
    expect(new Set(cells).size).toBe(cells.length)
    for (const { targets = [] } of graphs)
      expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length)
  })
})

describe('the tables of docs/operations.md', () => {
  const rows = page.split('\n').filter(line => line.startsWith('| `'))

  it('have each family, and no other', () => {
    const listed = rows.flatMap(row => /^\| `(throughline_\w+)` \|/.exec(row)?.slice(1) ?? [])
    expect(listed.sort()).toEqual([...families.keys()].sort())
  })

  it('name the label of each', () => {
    for (const [name, { samples }] of families) {
      const [, label] = rows.flatMap(
        row => new RegExp(`^\\| \`${name}\` \\| (?:\`(\\w+)\`)?`).exec(row) ?? [],
      )
      expect([name, label]).toEqual([name, Object.keys(samples[0]?.labels ?? {})[0]])
    }
  })

  it.each([
    ['throughline_closes_total', closeReasons],
    ['throughline_refusals_total', refusalReasons],
    ['throughline_in_doubt_total', doubtCauses],
  ])('have all values of the label of %s', (name, values) => {
    const [, , what = ''] = rows.find(row => row.startsWith(`| \`${name}\``))?.split(' | ') ?? []
    const listed = [...what.matchAll(/`([a-z-]+)`/g)].map(([, value]) => value)
    expect(listed).toEqual([...values])
    expect(families.get(name)?.samples.map(({ labels }) => Object.values(labels)[0])).toEqual([...values])
  })

  it('have all records with their fields', () => {
    const source = readFileSync('server/operation/record.ts', 'utf8')
    const declared = [...source.matchAll(/\{\s*event: '([a-z-]+)'([^}]*)\}/g)].map(
      ([, event, fields = '']) => [event, ...[...fields.matchAll(/(\w+):/g)].map(([, field]) => field)],
    )
    expect(declared.length).toBeGreaterThan(8)
    const [, table = ''] = page.split('\n## Records')
    const listed = table
      .split('\n## ')[0]
      ?.split('\n')
      .filter(line => line.startsWith('| `') && !line.startsWith('| `event`'))
      .map(line =>
        [
          ...line
            .split('|')
            .slice(1, 3)
            .join('|')
            .matchAll(/`([\w-]+)`/g),
        ].map(([, word]) => word),
      )
    expect(listed).toEqual(declared)
  })
})

describe('the alerts', () => {
  const [text = ''] = codeBlocks('yaml')
  const { groups } = parse(text) as { groups: { rules: { alert: string; expr: string }[] }[] }
  const rules = groups.flatMap(group => group.rules)

  it.each(rules)('$alert asks for what hub.metrics() prints', ({ expr }) => {
    const named = familiesIn(expr)
    expect(named.length).toBeGreaterThan(0)
    expect(named.filter(name => !families.has(name))).toEqual([])
    for (const [, label = '', values = ''] of expr.matchAll(/(\w+)[=!]~"([^"]*)"/g))
      for (const value of values.split('|')) expect(labelsOf(named, label)).toContain(value)
  })

  it.skipIf(!existsSync(promtool))(
    'are rules that promtool takes (Debian’s package prometheus has it)',
    () => {
      const folder = mkdtempSync(join(tmpdir(), 'throughline-rules-'))
      onTestFinished(() => rmSync(folder, { recursive: true }))
      writeFileSync(join(folder, 'rules.yaml'), text)
      const { status, stdout } = spawnSync(promtool, ['check', 'rules', join(folder, 'rules.yaml')], {
        encoding: 'utf8',
      })
      expect(stdout).toContain(`${rules.length} rules found`)
      expect(status).toBe(0)
    },
  )
})

function labelsOf(names: readonly string[], label: string): (string | undefined)[] {
  return names.flatMap(name => families.get(name)?.samples.map(({ labels }) => labels[label]) ?? [])
}

const probes = ['startupProbe', 'livenessProbe', 'readinessProbe'] as const

interface HttpProbe {
  httpGet: { path: string; port: string }
  periodSeconds: number
  timeoutSeconds: number
  failureThreshold: number
}

interface Container extends Record<(typeof probes)[number], HttpProbe> {
  ports: { name: string; containerPort: number }[]
  lifecycle: { preStop: { exec: { command: string[] } } }
}

interface Selector {
  matchLabels: Record<string, string>
}

interface Deployment {
  selector: Selector
  template: {
    metadata: { labels: Record<string, string>; annotations: Record<string, string> }
    spec: { terminationGracePeriodSeconds: number; containers: Container[] }
  }
}

interface Service {
  selector: Record<string, string>
  ports: { targetPort: string }[]
}

describe('the manifests', () => {
  const documents = parseAllDocuments(codeBlocks('yaml')[1] ?? '')
  const kind = <Spec>(name: string) =>
    documents
      .map(document => document.toJS() as { kind: string; spec: Spec })
      .find(each => each.kind === name)?.spec as Spec
  const spec = kind<Deployment>('Deployment')
  const pod = spec.template.spec
  const [container] = pod.containers as [Container]
  const [script = ''] = codeBlocks('js')
  const [dockerfile = ''] = codeBlocks('dockerfile')
  const within = Number(/drain\(\{ within: ([\d_]+) \}\)/.exec(script)?.[1]?.replaceAll('_', '')) / 1000
  const pause = Number(container.lifecycle.preStop.exec.command[1])

  it('are YAML without a fault', () => {
    expect(documents).toHaveLength(3)
    for (const { errors, warnings } of documents) expect([...errors, ...warnings]).toEqual([])
  })

  it('give a pod the time that a drain takes', () => {
    // Listeners that are not done have 5 s after the last line's turn, channels 1 s to end; then close, the same.
    expect(within).toBeGreaterThan(0)
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(pause + within + 2 * (5 + 1))
    for (const [, time] of page.matchAll(/(?:--time |stop_grace_period: )(\d+)/g))
      expect(Number(time)).toBe(pod.terminationGracePeriodSeconds)
  })

  it('take a pod out of the Service before it is told to stop', () => {
    const { periodSeconds, failureThreshold } = container.readinessProbe
    expect(periodSeconds * failureThreshold).toBeLessThanOrEqual(pause)
  })

  it('probe what the hub answers, and live without the log', async () => {
    const answering = createHub({ probes: true })
    onTestFinished(() => answering.close())
    expect(script).toContain('probes: true')
    const paths = probes.map(name => container[name].httpGet.path)
    for (const path of paths)
      expect((await answering.fetch(new Request(`http://pod.invalid${path}`))).status).toBe(200)
    expect(paths.map(path => path.split('/').at(-1))).toEqual(['health', 'health', 'ready'])
    expect(dockerfile).toContain(paths[1])
    // A log that does not answer is waited for 0.9 s.
    expect(container.readinessProbe.timeoutSeconds).toBeGreaterThan(1)
  })

  it('have the same ports and labels throughout', () => {
    const { ports } = container
    const listened = [...script.matchAll(/listen\((\d+)\)/g)].map(([, port]) => Number(port))
    expect(ports.map(({ containerPort }) => containerPort)).toEqual(listened)
    expect(/^EXPOSE (.*)$/m.exec(dockerfile)?.[1]?.split(' ').map(Number)).toEqual(listened)
    const names = ports.map(({ name }) => name)
    for (const name of probes) expect(names).toContain(container[name].httpGet.port)
    const service = kind<Service>('Service')
    const budget = kind<{ selector: Selector }>('PodDisruptionBudget')
    for (const { targetPort } of service.ports) expect(names).toContain(targetPort)
    const { labels, annotations } = spec.template.metadata
    expect(annotations['prometheus.io/port']).toBe(
      `${ports.find(({ name }) => name === 'metrics')?.containerPort}`,
    )
    for (const selector of [spec.selector.matchLabels, service.selector, budget.selector.matchLabels])
      expect(selector).toEqual(labels)
  })

  it('start node as the first process, which hears the signal', () => {
    expect(dockerfile).toMatch(/^CMD \["node", "server\.js"\]$/m)
    expect(script).toContain("process.once('SIGTERM'")
  })
})
