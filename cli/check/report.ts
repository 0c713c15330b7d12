import type { Outcome, Report } from './run.ts'

const marks: Record<Outcome['result'], string> = { kept: '✓', broken: '✗', 'not tried': '–' }

/** One line of the report, and two more where something else came than was expected. */
function lineOf({ result, over, level, rule, name, expected, came, why }: Outcome): string {
  const should = level === 'SHOULD' ? ' (SHOULD)' : ''
  const line = `  ${marks[result]} ${over.padEnd(15)} ${rule}${should} [${name}]`
  if (result === 'broken') return `${line}\n      expected  ${expected}\n      came      ${came}`
  return why === undefined ? line : `${line}: ${why}`
}

/** Those of one case: where none was tried, for one reason, that is one line. */
export function linesOf(outcomes: readonly Outcome[]): string {
  const [first] = outcomes
  const isOneReason = outcomes.every(({ why }) => why !== undefined && why === first?.why)
  return (first && isOneReason ? [{ ...first, over: outcomes.length > 1 ? '' : first.over }] : outcomes)
    .map(outcome => `${lineOf(outcome)}\n`)
    .join('')
}

/** The heading of a clause, or nothing where the outcome before it had the same. */
export function headingOf(outcome: Outcome, before: Outcome | undefined): string {
  return outcome.clause === before?.clause ? '' : `\n${outcome.clause.replaceAll('`', '')}\n`
}

/** What the last lines say. */
export function summaryOf({ offered, notOffered, outcomes }: Report): string {
  const count = (result: Outcome['result'], level?: Outcome['level']) =>
    outcomes.filter(each => each.result === result && (level ?? each.level) === each.level).length
  const reasons = [...new Set(outcomes.flatMap(({ why }) => why ?? []))]
  const broken = count('broken', 'MUST')
  const advised = count('broken', 'SHOULD')
  return [
    '',
    `Offered: ${offered.join(', ')}`,
    ...(notOffered.length > 0 ? [`Not offered: ${notOffered.join(', ')}`] : []),
    ...(reasons.length > 0 ? ['Not tried, because:', ...reasons.map(reason => `  – ${reason}`)] : []),
    `${count('kept')} kept, ${broken} broken${advised > 0 ? `, ${advised} that SHOULD be kept broken` : ''}, ${count('not tried')} not tried`,
  ].join('\n')
}

/** Whether the server keeps what it MUST, and with `strict` also what it SHOULD. */
export function passes({ outcomes }: Report, strict = false): boolean {
  return outcomes.every(({ result, level }) => result !== 'broken' || (level === 'SHOULD' && !strict))
}
