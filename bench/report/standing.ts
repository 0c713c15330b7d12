/** Where we are ahead, and where not: what the page of the figures says first. */
import { type Bar, withUnit } from './findings.ts'
import { markdownTable } from './markdown.ts'

/** The bars that one question sets, and what came of them. */
export interface Standing {
  readonly title: string
  readonly bars: readonly Bar[]
}

export function standingOf(all: readonly Standing[]): string {
  const asked = all.filter(({ bars }) => bars.length > 0)
  const bars = asked.flatMap(each => each.bars)
  const met = bars.filter(bar => bar.met).length
  const rows = asked.map(({ title, bars }) => [
    `[${title}](#${anchorOf(title)})`,
    `${bars.filter(bar => bar.met).length} of ${bars.length}`,
    inWords(bars, true),
    inWords(bars, false),
  ])
  return `Of the ${bars.length} bars that Throughline sets itself beside the browser's own, servers written by hand and other libraries, ${met} are met.
For each question, what is furthest on either side of its bar:

${markdownTable(['question', 'bars met', 'furthest ahead', 'furthest behind'], rows)}`
}

function inWords(bars: readonly Bar[], met: boolean): string {
  const [furthest] = bars
    .filter(bar => bar.met === met && Number.isFinite(farness(bar)))
    .sort((one, other) => farness(other) - farness(one))
  return furthest
    ? `${furthest.words}: ${withUnit(furthest, furthest.got)} (bar ${withUnit(furthest, furthest.limit)})`
    : ''
}

/** How many times as far as the bar, to either side. */
function farness({ got, limit }: Bar): number {
  return Math.max(got / limit, limit / got)
}

/** As GitHub makes it of a heading. */
function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\w -]/g, '')
    .replace(/ /g, '-')
}
