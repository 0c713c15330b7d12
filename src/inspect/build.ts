/** Elements made one by one: no text is read as markup, so that strict policies let it through. */

const svg = 'http://www.w3.org/2000/svg'

type Attributes = Readonly<Record<string, string | number>>

export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...content: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name)
  setAll(made, attributes)
  made.append(...content)
  return made
}

export function graphic<Name extends keyof SVGElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...content: Node[]
): SVGElementTagNameMap[Name] {
  const made = document.createElementNS(svg, name) as SVGElementTagNameMap[Name]
  setAll(made, attributes)
  made.append(...content)
  return made
}

/** Changes a text if it is another one, so that nothing is laid out anew without news. */
export function write(into: Element, text: string): void {
  if (into.textContent !== text) into.textContent = text
}

/** The same for attributes. */
export function setAll(into: Element, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes))
    if (into.getAttribute(name) !== `${value}`) into.setAttribute(name, `${value}`)
}

/** Makes rows fit a list: those that are there are used again. */
export function refill<T, Row extends Element>(
  into: Element,
  list: readonly T[],
  make: () => Row,
  fill: (row: Row, value: T) => void,
): void {
  while (into.childElementCount > list.length) into.lastElementChild?.remove()
  for (const [index, value] of list.entries()) {
    const row = (into.children[index] as Row | undefined) ?? into.appendChild(make())
    fill(row, value)
  }
}
