import { decades, inShort, paper, place, quote } from './paper.ts'

export type Kind = 'native' | 'ours' | 'peer'

/** One contestant: a bar up to the middle, and a line from the lowest to the highest. Without figures it never came. */
export interface Mark {
  readonly name: string
  readonly kind: Kind
  readonly low?: number
  readonly middle?: number
  readonly high?: number
  readonly label: string
}

const width = 760
const right = 90
const top = 46
const step = 26
const thick = 14

/** Draws marks on a logarithmic scale from `start` to `end`. */
export function rangeChart(title: string, marks: readonly Mark[], end: number, start = 1): string {
  const bottom = top + marks.length * step
  // So that the longest name has room; a bold letter is about so wide.
  const left = Math.max(170, ...marks.map(({ name }) => 30 + 7.2 * name.length))
  const reach = (value: number) => place(value, start, end, left, width - right)
  const drawing = [
    ...decades(start, end).map(tick => drawTick(tick, reach(tick), bottom)),
    ...marks.map((mark, row) => drawMark(mark, top + row * step + step / 2, left, end, reach)),
  ]
  return paper(title, width, bottom + 30, drawing.join('\n'))
}

function drawTick(tick: number, x: number, bottom: number): string {
  return `<path class="grid" d="M${x} ${top}V${bottom}"/><text class="tick" x="${x}" y="${bottom + 18}">${inShort(tick)}</text>`
}

function drawMark(
  { name, kind, low, middle, high, label }: Mark,
  y: number,
  left: number,
  end: number,
  reach: (value: number) => number,
): string {
  const tip = reach(middle ?? end)
  const box = `x="${left}" y="${y - thick / 2}" width="${tip - left}" height="${thick}"`
  const bar = middle === undefined ? `<rect class="never" ${box}/>` : `<rect class="${kind}" ${box}/>`
  const far = Math.max(tip, high === undefined ? 0 : reach(high))
  const range =
    low === undefined || high === undefined
      ? ''
      : `<path class="range" d="M${reach(low)} ${y}H${reach(high)}"/>`
  return `<text class="name ${kind}" x="${left - 8}" y="${y + 4}">${quote(name)}</text>${bar}${range}<text class="${kind}" x="${far + 6}" y="${y + 4}">${quote(label)}</text>`
}
