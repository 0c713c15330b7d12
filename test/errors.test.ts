/** docs/errors.md has each code that an error can have, and no other; and development builds have a sentence for each. */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { codes, sentence, sentenceOfSend } from '../src/words.ts'

const page = readFileSync('docs/errors.md', 'utf8')
const [rest = '', sends = ''] = page.split('## What a send meets')
const [kinds = '', lines = ''] = rest.split('## What a line meets')
const listed = (text: string) => [...text.matchAll(/^\| `([\w-]+)` \|/gm)].map(([, code]) => code as string)

const sources = (readdirSync('src', { recursive: true }) as string[])
  .filter(path => path.endsWith('.ts') && path !== 'words.ts')
  .map(path => readFileSync(`src/${path}`, 'utf8'))
  .join('\n')

it('every code that the source can give is on the page, and no other', () => {
  expect(listed(lines)).toEqual([...codes].sort())
  for (const code of codes) expect(sources, code).toContain(`'${code}'`)
})

it('every kind is on the page, and no other', () => {
  const [, union = ''] =
    /export type FailureKind =\n((?: {2}\| '[a-z]+'\n)+)/.exec(
      readFileSync('src/contracts/failure.ts', 'utf8'),
    ) ?? []
  const names = [...union.matchAll(/'([a-z]+)'/g)].map(([, name]) => name)
  expect(names.length).toBeGreaterThan(5)
  expect(listed(kinds)).toEqual([...names, 'unreadable'])
})

it('each has a cause and a remedy', () => {
  const rows = page.match(/^\| `.*\|$/gm) ?? []
  expect(rows.length).toBeGreaterThan(codes.length)
  for (const row of rows)
    for (const cell of row.split('|').slice(1, -1)) expect(cell.trim(), row).not.toBe('')
})

it('every code that the source gives has a sentence', () => {
  const given = [...sources.matchAll(/\bcode: '([\w-]+)'/g)].map(([, code]) => code as string)
  expect(given.length).toBeGreaterThan(30)
  expect(given.filter(code => !codes.includes(code))).toEqual([])
})

it.each(listed(sends).filter(kind => kind !== 'unreadable'))(
  'a send that meets %s is told in words',
  kind => {
    const said = sentenceOfSend(kind, { messages: 1, bytes: 1, age: 1 })
    expect(said).toMatch(/^(IN_DOUBT: )?the message /)
  },
)

it('a sentence names where it was, what the server said, and what else was tried', () => {
  const where = 'https://host.test/live'
  const refused = { kind: 'refused', code: 'closed-early', where, closeCode: 1006, status: 403 } as const
  const other = { kind: 'silent', code: 'unanswered', where: 'eventsource', after: 10_000 } as const
  expect(sentence({ ...refused, detail: 'not for you', besides: [other] })).toBe(
    'WebSocket to https://host.test/live closed before opening (1006) (status 403: not for you); eventsource brought nothing for 10000 ms',
  )
})

it('a goodbye is told without the status that a dialect gives it, as no answer had that', () => {
  const goodbye = { kind: 'ended', code: 'goodbye', status: 204 } as const
  expect(sentence({ ...goodbye, detail: 'the server said goodbye' })).toBe('the server said goodbye')
  expect(sentence(goodbye)).toBe('the server is restarting')
})
