/** docs/compare.md: each row has a source and the day on which it was looked at, and says what there is to it here, and where that is shown. */
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

interface Row {
  readonly it: string
  readonly source: string
  readonly ours: string
}

const text = readFileSync('docs/compare.md', 'utf8')

/** The rows of each peer. */
const peers = text
  .split(/^## /m)
  .slice(1)
  .map(section => [section.slice(0, section.indexOf('\n')), rowsOf(section)] as const)
  .filter(([, rows]) => rows.length > 0)

it('has each peer', () => {
  const names = ['Socket.IO', 'SignalR', 'Centrifuge', 'Ably', 'partysocket', 'Pusher Channels', 'graphql-ws']
  expect(peers.map(([name]) => name)).toEqual(names)
})

describe.each(peers)('%s', (_, rows) => {
  it('has rows', () => {
    expect(rows.length).toBeGreaterThan(6)
  })

  it.each(rows)('$it: has a source and its date', ({ source }) => {
    expect(source).toMatch(/\]\(https:\/\/[^)]+\), 20\d\d-\d\d-\d\d$/)
    expect(Date.parse(source.slice(-10))).toBeLessThan(Date.now())
  })

  it.each(rows)('$it: is matched and shown, or says why not', ({ ours }) => {
    const [, verdict, words = ''] = /^\*\*(matched|declined|behind)\*\*: (.*)$/.exec(ours) ?? []
    expect(verdict).toBeDefined()
    if (verdict === 'matched') expect(words).toMatch(/\]\((?!https:)[^)]+\)|`(?:test|e2e)\/[^`]+`/)
    else expect(words.length).toBeGreaterThan(10)
  })

  it('names tests that are there', () => {
    for (const { ours } of rows)
      for (const [, path = ''] of ours.matchAll(/`((?:test|e2e)\/[\w/.-]+)`/g))
        expect(existsSync(path), path).toBe(true)
  })
})

it('each place on a page that it leads to is there', () => {
  for (const [, page = '', place = ''] of text.matchAll(/\]\((?!https:)([^)#]+)#([^)]+)\)/g))
    expect(placesOf(`docs/${page}`), page).toContain(place)
})

function rowsOf(section: string): Row[] {
  const rows = [...section.matchAll(/^\| (?!it has )(.+?) \| (.+?) \| (.+) \|$/gm)]
  return rows.map(([, it = '', source = '', ours = '']) => ({ it, source, ours }))
}

/** The names of a page's headings, as GitHub makes them. */
function placesOf(page: string): string[] {
  const headings = readFileSync(page, 'utf8').match(/^#+ .*$/gm) ?? []
  return headings.map(heading =>
    heading
      .replace(/^#+ /, '')
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}
