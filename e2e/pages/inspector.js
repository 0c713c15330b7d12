/** What the page's policy stood in the way of. */
const refusedByPolicy = []
document.addEventListener('securitypolicyviolation', event =>
  refusedByPolicy.push(`${event.violatedDirective} ${event.blockedURI}`),
)

/** Opens a line, counts its listeners, and shows it. */
function begin(options = {}) {
  const line = Throughline.connect('/live', options)
  const listeners = countListeners(line)
  const element = document.createElement('throughline-inspector')
  element.line = line
  document.querySelector('main').append(element)
  Object.assign(window, { line, listeners, element })
}

function countListeners(line) {
  const counts = {}
  const count = (type, by) => {
    counts[type] = (counts[type] ?? 0) + by
  }
  const { addEventListener, removeEventListener } = line
  line.addEventListener = (type, ...rest) => {
    count(type, 1)
    return addEventListener.call(line, type, ...rest)
  }
  line.removeEventListener = (type, ...rest) => {
    count(type, -1)
    return removeEventListener.call(line, type, ...rest)
  }
  return counts
}

/** The text of a part of the inspector, as it is. */
function textOf(selector) {
  return [...element.shadowRoot.querySelectorAll(selector)].map(part => part.textContent)
}

/** A figure by its name. */
function figure(name) {
  const all = [...element.shadowRoot.querySelectorAll('dl > div')]
  return all.find(part => part.querySelector('dt').textContent === name)?.querySelector('dd').textContent
}

Object.assign(window, { begin, figure, refusedByPolicy, textOf })
