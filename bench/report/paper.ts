/** What all charts are drawn on and with. It brings its own ground, light or dark as the reader's screen is. */
export function paper(title: string, width: number, height: number, drawing: string): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${quote(title)}">
<style>${style}</style>
<rect class="ground" width="${width}" height="${height}" rx="6"/>
<text class="title" x="16" y="26">${quote(title)}</text>
${drawing}
</svg>
`
}

/** The powers of ten from `start` to `end`. */
export function decades(start: number, end: number): number[] {
  const first = Math.ceil(Math.log10(start) - 1e-9)
  const last = Math.floor(Math.log10(end) + 1e-9)
  return Array.from({ length: last - first + 1 }, (_, index) => 10 ** (first + index))
}

/** Where a value lies between `from` and `to` on a logarithmic scale that goes from `start` to `end`. */
export function place(value: number, start: number, end: number, from: number, to: number): number {
  const share = Math.log(Math.min(Math.max(value, start), end) / start) / Math.log(end / start)
  return Math.round((from + share * (to - from)) * 10) / 10
}

export function quote(text: string): string {
  return text.replace(/[&<>"]/g, sign => `&#${sign.charCodeAt(0)};`)
}

export function inShort(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: 3 })
}

const style = `
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 14px }
.tick { fill: #656d76; text-anchor: middle; font-size: 11px }
.name, .side { text-anchor: end }
.grid { stroke: #d8dee4 }
.ground { fill: #ffffff }
.native { fill: #8c959f } .peer { fill: #c8ced5 } .ours { fill: #0969da }
.range { stroke: #1f2328; stroke-width: 1.2 }
.never { fill: none; stroke: #8c959f; stroke-dasharray: 3 3 }
path.line { fill: none; stroke-width: 2 }
path.line.native { stroke: #8c959f; stroke-dasharray: 5 3 } path.line.peer { stroke: #c8ced5 } path.line.ours { stroke: #0969da }
text.ours { fill: #0550ae; font-weight: 600 } text.native, text.peer { fill: #1f2328 }
@media (prefers-color-scheme: dark) {
  text, text.native, text.peer { fill: #e6edf3 }
  .tick { fill: #8d96a0 }
  .grid { stroke: #30363d }
  .ground { fill: #0d1117 }
  .native { fill: #7d8590 } .peer { fill: #484f58 } .ours { fill: #1f6feb }
  path.line.native { stroke: #7d8590 } path.line.peer { stroke: #484f58 } path.line.ours { stroke: #1f6feb }
  text.ours { fill: #79c0ff }
  .range { stroke: #e6edf3 }
  .never { stroke: #7d8590 }
}
`
