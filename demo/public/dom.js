/** The element of this id. */
export function by(id) {
  return document.getElementById(id)
}

/** An element with its properties and children. Texts become text nodes: what a person wrote is never markup. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag)
  const { data = {}, aria = {}, ...others } = properties
  Object.assign(element, others)
  Object.assign(element.dataset, data)
  for (const name in aria) element.setAttribute(name === 'role' ? name : `aria-${name}`, aria[name])
  element.append(...children.filter(child => child !== undefined && child !== ''))
  return element
}

/** Writes a text where it differs, so that a screen reader hears only what is new. */
export function write(element, text) {
  if (element.textContent !== `${text}`) element.textContent = text
}

/** Calls at most once in `ms`, with what came last: at a hundred messages a second nobody reads every count. */
export function calmly(act, ms = 250) {
  let latest
  return (...args) => {
    if (latest) {
      latest = args
      return
    }
    latest = args
    setTimeout(() => {
      const args = latest
      latest = undefined
      act(...args)
    }, ms)
  }
}

/** A name that nobody else can guess, of so many parts. */
export function randomName(parts) {
  return [...crypto.getRandomValues(new Uint32Array(parts))].map(part => part.toString(36)).join('')
}

export function clock(at) {
  return new Date(at).toLocaleTimeString([], {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hour12: false,
  })
}

/** Asks the demo's server something beside the line. */
export async function ask(path, body) {
  const asked = body && {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  }
  const response = await fetch(path, asked)
  return response.json()
}
