import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { page, type Row, server, write } from '../scripts/limits.ts'
import { createHub } from '../server/index.ts'

const rows = [...server, ...page]

it('docs/limits.md is what the code says', () => {
  expect(readFileSync('docs/limits.md', 'utf8'), 'run `npm run limits`').toBe(write())
})

it.each(rows.map((row): [string, Row] => [row.name, row]))(
  '%s says what it bounds, and what happens beyond',
  (_, row) => {
    for (const cell of [row.what, row.usual, row.unit, row.beyond]) expect(cell).not.toBe('')
  },
)

it('what counts a limit of the server is in hub.stats()', async () => {
  const hub = createHub()
  const counters = server.flatMap(row => row.counters.split(', ')).filter(Boolean)
  expect(counters.length).toBeGreaterThan(15)
  for (const counter of counters) expect(hub.stats()).toHaveProperty(counter)
  await hub.close()
})

it.each(rows.filter(({ said }) => said !== undefined).map((row): [string, Row] => [row.name, row]))(
  '%s has the default that its docstring says',
  (_, { said = '', usual }) => {
    if (/^[\d,]+$/.test(usual)) expect(said).toMatch(new RegExp(`\\b${usual.replaceAll(',', '')}$`))
    else expect(said).toContain(usual)
  },
)
