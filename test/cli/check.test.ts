import { readFileSync } from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { passes, summaryOf } from '../../cli/check/report.ts'
import { type CheckOptions, cases, clauses, runCheck, Unreachable } from '../../cli/check/run.ts'
import { mutants, startFaulty } from './mutants.ts'

const told = { origin: 'https://listed.example', refuses: 'refuse' }

async function check(url: URL, options: Partial<CheckOptions> = {}) {
  return runCheck({ url, patience: 20_000, ...told, ...options })
}

describe('our own hub', () => {
  it('keeps every rule that can be seen', async () => {
    const { url, close } = await startFaulty()
    onTestFinished(close)
    const report = await check(url)
    expect(report.outcomes.filter(({ result }) => result === 'broken')).toEqual([])
    expect(report.notOffered).toEqual([])
    expect(passes(report, true)).toBe(true)
    expect(summaryOf(report)).toMatch(/3\d\d kept, 0 broken, \d+ not tried$/)
    const tried = new Set(report.outcomes.filter(({ result }) => result === 'kept').map(({ name }) => name))
    const untried = cases.map(({ name }) => name).filter(name => !tried.has(name))
    expect(untried).toEqual(needTime)
  })
})

describe('rt.beat', () => {
  it.each([
    [['kept'], {}],
    [['broken'], { text: (text: string) => text.replace(/event: rt\.beat\n.*\n\n/g, '') }],
  ])('is waited for with --slow: %s', async (results, mutant) => {
    const { url, close } = await startFaulty(mutant, { heartbeat: 300 })
    onTestFinished(close)
    const { outcomes } = await check(url, { only: ['beat.stream'], slow: true, patience: 1_000 })
    expect(outcomes.map(({ result }) => result)).toEqual(expect.arrayContaining(results))
  })
})

describe('a server that', () => {
  it.each(mutants)('$sin is found out by $foundBy', async ({ foundBy, over, ...mutant }) => {
    const { url, close } = await startFaulty(mutant)
    onTestFinished(close)
    // What must come and does not is waited for: not for long, since it never comes.
    const { outcomes } = await check(url, { only: foundBy, patience: 500 })
    const broken = outcomes.filter(({ result }) => result === 'broken')
    for (const name of foundBy) {
      const here = broken.filter(each => each.name === name && (over === undefined || each.over === over))
      expect(here, JSON.stringify(outcomes.filter(each => each.name === name))).not.toEqual([])
      for (const { expected, came } of here) expect([expected, came]).not.toContain('')
    }
  })

  it('every case but those that take half a minute has a mutant that it finds', () => {
    const found = new Set(mutants.flatMap(({ foundBy }) => foundBy))
    expect(cases.map(({ name }) => name).filter(name => !found.has(name))).toEqual(needTime)
  })
})

describe('the check', () => {
  it('has the headings of PROTOCOL.md for clauses', () => {
    const headings = [...readFileSync('docs/PROTOCOL.md', 'utf8').matchAll(/^#{2,3} (.*)$/gm)].map(
      ([, name]) => name,
    )
    const inOrder = headings.filter(name => clauses.includes(name as string))
    expect(clauses.slice(1).toSorted()).toEqual(inOrder.toSorted())
    for (const { clause } of cases) expect(clauses).toContain(clause)
  })

  it('has one name for each case', () => {
    const names = cases.map(({ name }) => name)
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([])
  })

  it('says so where what answers is no such server', async () => {
    const { url, close } = await startFaulty({ text: text => text.replaceAll('rt.open', 'hello') })
    onTestFinished(close)
    await expect(check(url, { patience: 500 })).rejects.toThrow(
      /no rt.open comes from .* speaks something else/,
    )
  })

  it('says so where nobody answers, and where nobody is let in', async () => {
    await expect(check(new URL('http://127.0.0.1:1/live'))).rejects.toThrow(Unreachable)
    const { url, close } = await startFaulty({
      request: (_, url) => void url.searchParams.set('topic', 'rt.mine'),
    })
    onTestFinished(close)
    await expect(check(url)).rejects.toThrow(/answers 403.*--token/)
  })
})

const needTime = ['beat.stream', 'beat.poll']
