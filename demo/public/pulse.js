/** One column of the picture: what happened in this many ms. */
const step = 500
const columns = 120
const thick = 4

/**
 * The last minute as a picture. The band at the bottom is the line, in the colour of its transport and broken where it was
 * down; the bars above are the messages that came.
 */
export function createPulse(canvas) {
  const history = Array.from({ length: columns }, () => ({ count: 0, band: 'edge', bar: 'edge' }))
  let colour = 'edge'
  setInterval(advance, step)
  new ResizeObserver(draw).observe(canvas)

  return {
    count() {
      history[columns - 1].count++
      history[columns - 1].bar = colour
    },
    /** From now on, by the name of a colour: a transport's, `bad`, or `edge`. */
    carriedBy(name) {
      colour = name
      history[columns - 1].band = name
    },
  }

  function advance() {
    history.shift()
    history.push({ count: 0, band: colour, bar: colour })
    if (!document.hidden) draw()
  }

  function draw() {
    const { clientWidth: width, clientHeight: height } = canvas
    if (width === 0) return
    const scale = devicePixelRatio
    canvas.width = width * scale
    canvas.height = height * scale
    const pen = canvas.getContext('2d')
    pen.scale(scale, scale)
    const style = getComputedStyle(canvas)
    const paint = (colour, ...place) => {
      pen.fillStyle = style.getPropertyValue(`--${colour}`)
      pen.fillRect(...place)
    }
    const most = Math.max(4, ...history.map(column => column.count))
    const wide = width / columns
    history.forEach(({ count, band, bar }, index) => {
      const left = Math.round(index * wide)
      const right = Math.round((index + 1) * wide)
      // The root lets a trickle be seen beside the flood of a catch-up.
      const tall = Math.ceil(Math.sqrt(count / most) * (height - thick - 3))
      paint(band, left, height - thick, right - left, thick)
      if (count > 0) paint(bar, left, height - thick - 2 - tall, Math.max(1, right - left - 0.5), tall)
    })
  }
}
