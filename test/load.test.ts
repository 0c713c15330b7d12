import { describe, expect, test } from 'vitest'
import { callsOf, cpuOf } from '../bench/load/info.ts'
import { type Assumptions, type Costs, costsOf, fewest, nodesThatHear, sizeOf } from '../bench/load/model.ts'
import {
  barsOf,
  costTable,
  loads,
  modelTables,
  type Place,
  type Sample,
  tableOf,
} from '../bench/load/tables.ts'

const free: Costs = {
  redisPublish: 0,
  redisNotice: 0,
  publish: 0,
  heard: 0,
  delivered: 0,
  unheard: 0,
  look: 0,
  redisLook: 0,
  beat: 0,
  line: 0,
  node: 0,
}
const all: Assumptions = { heartbeat: 10, check: 2, busy: 0.5, linesOfNode: 1_000, memory: 1e6 }

describe('the model', () => {
  test.each([
    ['what is delivered', { delivered: 10 }, 100_000, 2],
    ['what is published', { publish: 10 }, 100_000, 1],
    ['the looks of what they hear', { look: 1_000 }, 1_000, 1],
    ['signs of life', { beat: 1_000 }, 0, 2],
  ])('has nodes for %s', (_, cost, delivered, nodes) => {
    // 100,000 × 10 µs are a second of the processor, and 10,000 lines with a beat each ten seconds 1,000 × 1 ms; a node has half a second.
    const load = { lines: 10_000, delivered, fanout: 10 }
    expect(sizeOf(load, { ...free, ...cost }, { ...all, linesOfNode: 1e9 }).nodes).toBe(nodes)
  })

  test('has nodes for what they hear, which more of them hear where lines are spread', () => {
    // A thousand messages a second, each for two lines: on one node 1,000 × 1 ms, on two 1,500 between them, on three 5/9 × 1,000 each, on four 7/16.
    const load = { lines: 10, delivered: 2_000, fanout: 2 }
    const { nodes, nodeBusy } = sizeOf(load, { ...free, heard: 1_000 }, all)
    expect(nodes).toBe(4)
    expect(nodeBusy).toBeCloseTo(7 / 16)
  })

  test('finds that no number of nodes carries what each of them pays for messages that it does not hear', () => {
    const load = { lines: 10, delivered: 100_000, fanout: 1 }
    const costs = { ...free, heard: 10, unheard: 10 }
    expect(sizeOf(load, costs, all)).toMatchObject({ nodes: Number.POSITIVE_INFINITY, tellsNodes: 1 })
    expect(sizeOf(load, { ...costs, unheard: 0 }, all).nodes).toBe(2)
  })

  test('has nodes for lines and for their memory', () => {
    const load = { lines: 10_001, delivered: 1, fanout: 1 }
    expect(sizeOf(load, free, all).nodes).toBe(11)
    const { nodes, memory } = sizeOf(load, { ...free, line: 1_000, node: 5e6 }, all)
    expect(nodes).toBe(11)
    expect(memory).toBeCloseTo(5e6 + 1_000 * (10_001 / 11))
    expect(sizeOf(load, { ...free, line: 2_000 }, all).nodes).toBe(21)
  })

  test('has Redises for what is published, and for each node that is told of it', () => {
    const load = { lines: 10, delivered: 100_000, fanout: 1 }
    expect(sizeOf(load, { ...free, redisPublish: 20 }, all)).toMatchObject({ redises: 4, redisBusy: 0.5 })
    expect(sizeOf(load, { ...free, redisNotice: 20 }, all)).toMatchObject({ redises: 4, tellsNodes: 1 })
    // A topic for each line: a million of them are looked at in two seconds.
    const quiet = { lines: 1_000_000, delivered: 1, fanout: 1 }
    expect(sizeOf(quiet, { ...free, redisLook: 1.9 }, all)).toMatchObject({ redises: 2 })
    const wide = { ...load, fanout: 1_000 }
    const many = { ...all, linesOfNode: 1 }
    const { tellsNodes, redises } = sizeOf(wide, { ...free, redisNotice: 1_000 }, many)
    expect(tellsNodes).toBeCloseTo(10)
    expect(redises).toBe(2)
  })

  test('knows on how many nodes a message is heard', () => {
    expect(nodesThatHear(1, 40)).toBeCloseTo(1)
    expect(nodesThatHear(7, 1)).toBe(1)
    expect(nodesThatHear(2, 2)).toBe(1.5)
    expect(nodesThatHear(100_000, 40)).toBeCloseTo(40)
  })

  test('finds the fewest', () => {
    for (const wanted of [1, 2, 3, 7, 64, 1_000]) expect(fewest(1, number => number >= wanted)).toBe(wanted)
    expect(fewest(10, () => true)).toBe(10)
    expect(fewest(1, () => false)).toBe(Number.POSITIVE_INFINITY)
  })

  test('takes the medians of the rounds, and nothing for what is not above zero in each', () => {
    const rounds = [3, 1, 2].map((heard, at) => ({ ...free, heard, unheard: at - 1 }))
    expect(costsOf(rounds)).toEqual({ ...free, heard: 2 })
    expect(() => costsOf([])).toThrow('there are no rounds')
  })
})

describe('the tables', () => {
  const sample: Sample = {
    lines: 500,
    p50: 1,
    p99: 9,
    carried: 4_000,
    burst: 5_000,
    redisPaced: 50,
    redisBurst: 20,
    share: 1,
    node: 2,
    rss: 80,
  }
  const one: Place = {
    nodes: 1,
    redises: 1,
    missing: undefined,
    samples: [sample, { ...sample, p50: 5, redisBurst: 30 }],
  }
  const three: Place = { nodes: 2, redises: 3, missing: undefined, samples: [{ ...sample, share: 0.5 }] }

  test('have a row for each place, with the medians of its rounds under their names', () => {
    const { columns, rows } = tableOf([one, three])
    expect(rows.map(({ who }) => who)).toEqual(['1 node, 1 Redis', '2 nodes, 3 Redises'])
    const cell = (row: number, name: string) =>
      rows[row]?.cells[columns.findIndex(column => column.name === name)]
    expect(cell(0, 'p50, ms')).toBe(3)
    expect(cell(0, 'Redis in a burst, µs')).toBe(25)
    expect(cell(1, 'busiest Redis, %')).toBe(50)
  })

  test('say which places were left out, and why', () => {
    const { rows, what } = tableOf([one, { ...three, missing: 'there is no such log', samples: [] }])
    expect(rows).toHaveLength(1)
    expect(what).toContain('Left out: 3 Redises, since there is no such log.')
    expect(tableOf([one]).what).not.toContain('Left out')
  })

  test('say what is asked, and whether it is met', () => {
    const bars = barsOf([one, three], 1.4)
    expect(bars.map(({ got, met }) => [got, met])).toEqual([
      [1.4, false],
      [25, true],
      [20, true],
      [1.5, false],
    ])
    expect(barsOf([one], 1.1)).toHaveLength(2)
  })

  test('have each cost once, with its lowest and highest', () => {
    const { rows } = costTable([
      { ...free, line: 10_000 },
      { ...free, line: 30_000 },
    ])
    expect(rows).toHaveLength(Object.keys(free).length)
    expect(rows.find(({ who }) => who.startsWith('an idle line'))?.cells).toEqual([20, 10, 30])
  })

  test('have a row for each load of the model', () => {
    const [table] = modelTables({ ...free, delivered: 10, redisPublish: 20 })
    expect(table?.rows).toHaveLength(loads.length)
    for (const { cells } of table?.rows ?? []) expect(cells).toHaveLength(table?.columns.length ?? 0)
  })
})

describe('what Redis says of itself', () => {
  const info = [
    '# CPU',
    'used_cpu_sys:1.500000',
    'used_cpu_user:2.250000',
    'used_cpu_sys_children:7.0',
    'used_cpu_user_main_thread:9.0',
    '# Commandstats',
    'cmdstat_xadd:calls=12,usec=34,usec_per_call=2.83,rejected_calls=0,failed_calls=0',
  ].join('\r\n')

  test('has the time of its processor in µs', () => {
    expect(cpuOf(info)).toBe(3_750_000)
    expect(cpuOf('')).toBeNaN()
  })

  test('has how often a command was called', () => {
    expect(callsOf(info, 'xadd')).toBe(12)
    expect(callsOf(info, 'hget')).toBe(0)
  })
})
