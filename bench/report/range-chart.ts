/** One contestant: a bar up to the middle, and a line from the lowest to the highest. Without figures it never came. */
export interface Mark {
  readonly name: string
  readonly kind: 'native' | 'ours' | 'peer'
  readonly low?: number
  readonly middle?: number
  readonly high?: number
  readonly label: string
}

const width = 760
const left = 170
const right = 90
const top = 46
const step = 26
const thick = 14

/** Draws marks on a logarithmic scale from 1 to `end`. It brings its own ground, light or dark as the reader's screen is. */
export function rangeChart(title: string, marks: readonly Mark[], end: number): string {
  const height = top + marks.length * step + 30
  const bottom = top + marks.length * step
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${quote(title)}">
<style>${style}</style>
<rect class="ground" width="${width}" height="${height}" rx="6"/>
<text class="title" x="16" y="26">${quote(title)}</text>
${ticks(end)
  .map(tick => drawTick(tick, end, bottom))
  .join('\n')}
${marks.map((mark, row) => drawMark(mark, top + row * step + step / 2, end)).join('\n')}
</svg>
`
}

const style = `
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 14px }
.tick { fill: #656d76; text-anchor: middle; font-size: 11px }
.name { text-anchor: end }
.grid { stroke: #d8dee4 }
.ground { fill: #ffffff }
.native { fill: #8c959f } .peer { fill: #c8ced5 } .ours { fill: #0969da }
.range { stroke: #1f2328; stroke-width: 1.2 }
.never { fill: none; stroke: #8c959f; stroke-dasharray: 3 3 }
text.ours { fill: #0550ae; font-weight: 600 } text.native, text.peer { fill: #1f2328 }
@media (prefers-color-scheme: dark) {
  text, text.native, text.peer { fill: #e6edf3 }
  .tick { fill: #8d96a0 }
  .grid { stroke: #30363d }
  .ground { fill: #0d1117 }
  .native { fill: #7d8590 } .peer { fill: #484f58 } .ours { fill: #1f6feb }
  text.ours { fill: #79c0ff }
  .range { stroke: #e6edf3 }
  .never { stroke: #7d8590 }
}
`

function drawTick(tick: number, end: number, bottom: number): string {
  const x = place(tick, end)
  return `<path class="grid" d="M${x} ${top}V${bottom}"/><text class="tick" x="${x}" y="${bottom + 18}">${tick.toLocaleString('en')}</text>`
}

function drawMark({ name, kind, low, middle, high, label }: Mark, y: number, end: number): string {
  const reach = place(middle ?? end, end)
  const box = `x="${left}" y="${y - thick / 2}" width="${reach - left}" height="${thick}"`
  const bar = middle === undefined ? `<rect class="never" ${box}/>` : `<rect class="${kind}" ${box}/>`
  const far = Math.max(reach, high === undefined ? 0 : place(high, end))
  const range =
    low === undefined || high === undefined
      ? ''
      : `<path class="range" d="M${place(low, end)} ${y}H${place(high, end)}"/>`
  return `<text class="name ${kind}" x="${left - 8}" y="${y + 4}">${quote(name)}</text>${bar}${range}<text class="${kind}" x="${far + 6}" y="${y + 4}">${quote(label)}</text>`
}

function ticks(end: number): number[] {
  return [1, 10, 100, 1_000, 10_000].filter(tick => tick <= end)
}

function place(value: number, end: number): number {
  const share = Math.log(Math.min(Math.max(value, 1), end)) / Math.log(end)
  return Math.round((left + share * (width - left - right)) * 10) / 10
}

function quote(text: string): string {
  return text.replace(/[&<>"]/g, sign => `&#${sign.charCodeAt(0)};`)
}
