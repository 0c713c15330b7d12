/**
 * `<throughline-inspector>`, an element that shows a line at work. To import it defines the element; where there are no elements, as on a server, it does nothing.
 *
 * @module throughline/inspector
 */
import { type AnyLine, InspectorElement } from './inspect/element.ts'

export { type AnyLine, InspectorElement, type InspectorReport } from './inspect/element.ts'
export type { TopicCount, View } from './inspect/tally.ts'

const name = 'throughline-inspector'

declare global {
  interface HTMLElementTagNameMap {
    'throughline-inspector': InspectorElement
  }
}

// A page may have this module twice, by a script tag and in a bundle.
if (globalThis.customElements && !customElements.get(name)) customElements.define(name, InspectorElement)

/**
 * Shows lines at the end of the page.
 *
 * ```ts
 * import { inspect } from 'throughline/inspector'
 * inspect(line)
 * ```
 *
 * @returns the element, which `remove()` takes away again
 */
export function inspect(...lines: readonly AnyLine[]): InspectorElement {
  const element = document.createElement(name)
  element.lines = lines
  document.body.append(element)
  return element
}
