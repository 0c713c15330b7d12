/** Tries as bars over time, each divided where it got further. */
import { transports } from './words.js'

const rowHeight = 34
const left = 118
const width = 720
const namespace = 'http://www.w3.org/2000/svg'

/** Draws what `diagnose()` or `line.report()` found into an `<svg>`. */
export function draw(svg, findings) {
  const begin = Math.min(...findings.map(({ started }) => started))
  const end = Math.max(...findings.map(({ started, lasted }) => started + lasted), begin + 50)
  const x = time => left + ((time - begin) / (end - begin)) * (width - left - 70)
  const height = findings.length * rowHeight + 30
  svg.setAttribute('viewBox', `0 0 ${width} ${height}`)
  svg.setAttribute(
    'aria-label',
    findings.map(({ transport, verdict }) => `${transports[transport]}: ${verdict}`).join('. '),
  )
  svg.replaceChildren(
    ...ticks(begin, end).flatMap(at => tick(x(at), at - begin, height)),
    ...findings.flatMap((finding, index) => bar(finding, index, x)),
  )
}

function bar({ transport, started, lasted, opened, heard, proven, state }, index, x) {
  const top = index * rowHeight + 8
  const stops = [
    ['waiting', 0],
    ['opened', opened],
    ['heard', heard],
    ['proven', proven],
  ].filter(([, at]) => at !== undefined)
  const parts = stops.map(([phase, at], which) => {
    const until = stops[which + 1]?.[1] ?? lasted
    return shape('rect', {
      class: phase,
      x: x(started + at),
      y: top,
      width: Math.max(x(started + until) - x(started + at), 2),
      height: rowHeight - 16,
    })
  })
  const right = x(started + lasted)
  if (state === 'failed')
    parts.push(shape('rect', { class: 'failed', x: right - 2, y: top - 3, width: 4, height: rowHeight - 10 }))
  return [
    label(transports[transport], { x: left - 10, y: top + 13, 'text-anchor': 'end' }),
    ...parts,
    label(`${Math.round(proven ?? lasted)} ms`, { x: right + 8, y: top + 13, class: 'figure' }),
  ]
}

/** Where the scale is marked: about five times, at round numbers. */
function ticks(begin, end) {
  const step = [10, 20, 50, 100, 200, 500, 1_000, 2_000].find(each => (end - begin) / each <= 6) ?? 5_000
  return Array.from({ length: Math.floor((end - begin) / step) + 1 }, (_, index) => begin + index * step)
}

function tick(x, ms, height) {
  return [
    shape('line', { x1: x, x2: x, y1: 2, y2: height - 22 }),
    label(`${ms} ms`, { x, y: height - 6, 'text-anchor': 'middle', class: 'figure' }),
  ]
}

function label(text, attributes) {
  const element = shape('text', attributes)
  element.textContent = text
  return element
}

function shape(name, attributes) {
  const element = document.createElementNS(namespace, name)
  for (const each in attributes) element.setAttribute(each, attributes[each])
  return element
}
