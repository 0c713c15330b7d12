import type { LineState } from '../connection/state.ts'
import type { Explained } from '../report.ts'
import { element, graphic, refill, setAll, write } from './build.ts'
import { seconds, type TopicCount, type View } from './tally.ts'
import { type Bar, waterfall } from './waterfall.ts'

/** Where each code is explained. */
const errors = 'https://github.com/throughline-js/throughline/blob/main/docs/errors.md'

/** The kinds of errors that are about a message. */
const ofSends = /^(IN_DOUBT|full|expired|dropped|too-large|forbidden|declined|closed|unsendable)$/

/** How many topics are shown: those with the most messages. */
const mostTopics = 50

/** What is shown besides what a trace tells. */
export interface Shown extends Omit<View, 'attempts'> {
  readonly attempts: readonly Explained[]
  readonly address: string
  readonly state: LineState
  readonly lastEventId: string
  /** Bytes that the server has not taken. */
  readonly bufferedAmount: number
  /** In how many ms the line tries again. */
  readonly retryIn: number | undefined
}

/** What a person sees of a line. */
export interface Panel {
  readonly root: HTMLElement
  /** Whether the person has it open. */
  readonly isOpen: boolean
  show(shown: Shown): void
  /** The lines that can be chosen. One alone needs no choice. */
  offer(addresses: readonly string[], chosen: number): void
  /** A text that the person may copy; where it was copied already, that it was. */
  hand(text: string, isCopied: boolean): void
}

interface Asked {
  toggled(): void
  chose(index: number): void
  copy(): void
}

export function createPanel({ toggled, chose, copy }: Asked): Panel {
  const state = element('span', { class: 'state', role: 'status' })
  const transport = element('span', { class: 'transport' })
  const address = element('span', { class: 'address' })
  const select = element('select')
  const choice = element('label', {}, 'Line', select)
  const figures = createFigures()
  const error = element('p', { class: 'error' })
  const attempts = element('tbody')
  const topics = element('tbody')
  const more = element('p', { class: 'error' })
  const button = element('button', { type: 'button' }, 'Copy report')
  const said = element('span', { role: 'status' })
  const text = element('textarea', { readonly: '', 'aria-label': 'Report' })
  const details = element(
    'details',
    { open: '' },
    element('summary', {}, element('b', {}, 'Throughline'), state, transport, address),
    element(
      'div',
      { class: 'body' },
      choice,
      figures.root,
      error,
      tableOf(
        'Attempts',
        'attempts',
        { Transport: 'name', Began: 'began', Time: 'bars', Verdict: '' },
        attempts,
      ),
      tableOf('Topics', 'topics', { Topic: '', Messages: 'count', 'Last id': '' }, topics),
      more,
      element('div', { class: 'foot' }, button, said),
      text,
    ),
  )
  text.hidden = true
  details.addEventListener('toggle', toggled)
  select.addEventListener('change', () => chose(select.selectedIndex))
  button.addEventListener('click', copy)

  return {
    root: element('section', { 'aria-label': 'Throughline inspector' }, details),
    get isOpen() {
      return details.open
    },
    show,
    offer(addresses, chosen) {
      choice.hidden = addresses.length < 2
      select.replaceChildren(...addresses.map((each, index) => new Option(`${index + 1}: ${each}`)))
      select.selectedIndex = chosen
    },
    hand(report, isCopied) {
      write(said, isCopied ? 'Copied' : 'Copy it from below')
      text.value = report
      text.hidden = isCopied
      if (!isCopied) text.select()
    },
  }

  function show(shown: Shown): void {
    setAll(state, { 'data-state': shown.state })
    write(state, shown.state)
    write(transport, shown.transport ?? 'no transport')
    write(address, shown.address)
    if (!details.open) return
    figures.show(shown)
    showError(shown)
    showAttempts(shown.attempts)
    const told = shown.topics.slice(0, mostTopics)
    refill(topics, told, () => rowOf('', 'count', ''), fillTopic)
    const left = shown.topics.length - told.length
    more.hidden = left === 0
    write(more, `and ${left} more`)
  }

  function showError({ lastError }: Shown): void {
    const key = lastError ? `${lastError.at} ${lastError.code}` : ''
    if (error.dataset.key === key) return
    error.dataset.key = key
    if (!lastError) return error.replaceChildren('No error')
    const { code, kind, status } = lastError
    const href = `${errors}#what-a-${ofSends.test(kind) ? 'send' : 'line'}-meets`
    const link = element('a', { href, target: '_blank', rel: 'noopener' }, code)
    const rest = `${kind === code ? '' : `, ${kind}`}${status === undefined ? '' : `, status ${status}`}`
    error.replaceChildren('Last error: ', link, rest)
  }

  function showAttempts(list: readonly Explained[]): void {
    refill(attempts, waterfall(list), attemptRow, (row, bar) => {
      const { finding, from, accepted, proven, to } = bar
      const { transport, state, opened, verdict } = finding
      const [name, began, , last] = row.cells as unknown as HTMLElement[]
      // Where a try failed that never worked.
      const ended =
        state !== 'failed' || finding.proven !== undefined ? '' : opened === undefined ? 'asked' : 'accepted'
      setAll(row, { 'data-state': state, 'data-ended': ended })
      write(name as HTMLElement, transport)
      write(began as HTMLElement, beginOf(bar))
      write(last as HTMLElement, verdict)
      const places = [from, accepted, proven, to]
      for (const [index, part] of [...row.getElementsByTagName('rect')].entries()) {
        const [begin = 0, end = 0] = places.slice(index)
        setAll(part, { x: begin * 100, width: Math.max(end - begin, 0) * 100 })
      }
    })
  }

  function fillTopic(
    row: HTMLTableRowElement,
    { topic = '(no topic)', messages, lastEventId }: TopicCount,
  ): void {
    const [name, count, last] = row.cells as unknown as [HTMLElement, HTMLElement, HTMLElement]
    write(name, topic)
    write(count, whole(messages))
    write(last, lastEventId)
  }
}

function createFigures() {
  const names = [
    'Messages a second',
    'Messages',
    'Round trip',
    'Sends waiting',
    'Sends',
    'Gaps',
    'Next try',
  ] as const
  const line = graphic('polyline', {
    fill: 'none',
    stroke: 'currentColor',
    'stroke-width': 1.5,
    'vector-effect': 'non-scaling-stroke',
  })
  const spark = graphic(
    'svg',
    { class: 'spark', viewBox: `0 0 ${seconds - 1} 20`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    line,
  )
  const cells = names.map(name => {
    const [value, beside] = [element('dd'), element('dd')]
    return { name, value, beside, root: element('div', {}, element('dt', {}, name), value, beside) }
  })
  const [rate] = cells
  rate?.root.classList.add('wide')
  rate?.beside.append(spark)
  const root = element('dl', {}, ...cells.map(cell => cell.root))
  return { root, show }

  function show(shown: Shown): void {
    const {
      perSecond,
      messages,
      bytes,
      roundTrip,
      waiting,
      bufferedAmount,
      taken,
      failed,
      gaps,
      retryIn,
      lastEventId,
    } = shown
    const highest = Math.max(...perSecond, 1)
    const texts: Record<(typeof names)[number], readonly [string, string?]> = {
      'Messages a second': [whole(perSecond[perSecond.length - 1] ?? 0)],
      Messages: [whole(messages), sizeOf(bytes)],
      'Round trip': [roundTrip === undefined ? '–' : `${Math.round(roundTrip)} ms`, ''],
      'Sends waiting': [whole(waiting), sizeOf(bufferedAmount)],
      Sends: [whole(taken), `${whole(failed)} failed`],
      Gaps: [whole(gaps), lastEventId && `at ${lastEventId}`],
      'Next try': [retryIn === undefined ? '–' : `${Math.ceil(retryIn / 1000)} s`, ''],
    }
    for (const { name, value, beside } of cells) {
      const [first, second] = texts[name]
      write(value, first)
      if (second !== undefined) write(beside, second)
    }
    const points = perSecond.map((count, second) => `${second},${(19 - (18 * count) / highest).toFixed(1)}`)
    setAll(line, { points: points.join(' ') })
  }
}

function tableOf(
  caption: string,
  name: string,
  columns: Readonly<Record<string, string>>,
  body: HTMLElement,
): HTMLTableElement {
  const heads = Object.entries(columns).map(([text, of]) => element('th', { scope: 'col', class: of }, text))
  const head = element('thead', {}, element('tr', {}, ...heads))
  return element('table', { class: name }, element('caption', {}, caption), head, body)
}

function rowOf(...classes: readonly string[]): HTMLTableRowElement {
  return element('tr', {}, ...classes.map(of => element('td', { class: of })))
}

function attemptRow(): HTMLTableRowElement {
  const row = rowOf('name', 'began', 'bars', '')
  const parts = ['asked', 'accepted', 'proven'].map(of => graphic('rect', { class: of, y: 0, height: 10 }))
  const bar = graphic(
    'svg',
    { class: 'bar', viewBox: '0 0 100 10', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    ...parts,
  )
  row.cells[2]?.append(bar)
  return row
}

/** The time of day for the first try of a race; of each other, how long after that. */
function beginOf({ finding, after }: Bar<Explained>): string {
  if (after !== undefined) return `+${Math.round(after)} ms`
  return new Date(performance.timeOrigin + finding.started).toTimeString().slice(0, 8)
}

function whole(count: number): string {
  return count.toLocaleString('en')
}

function sizeOf(bytes: number): string {
  return bytes < 10_000 ? `${whole(bytes)} B` : `${whole(Math.round(bytes / 1000))} KB`
}
