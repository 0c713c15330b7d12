/** Adds a parameter to an address. What is there stays as it is, byte for byte, which `searchParams` would write anew. */
export function addQuery(url: URL, name: string, value: string): void {
  url.search += `${url.search && '&'}${escaped(name)}=${escaped(value)}`
}

/** The same, in place of those of this name. */
export function setQuery(url: URL, name: string, value: string): void {
  const others = url.search
    .slice(1)
    .split('&')
    .filter(part => !new URLSearchParams(part).has(name))
  url.search = others.join('&')
  addQuery(url, name, value)
}

/** What a query can hold as it is stays as it is: some servers compare before they decode. A lone surrogate becomes U+FFFD. */
function escaped(text: string): string {
  return encodeURI(text.replace(/[\ud800-\udfff]/gu, '\ufffd')).replace(
    /[#&'+;=]/g,
    found => `%${found.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

/** A short name for what may be long or secret: the same for the same text, and not to be read back. (The hash known as cyrb53.) */
export function digest(text: string): string {
  let one = 0xdeadbeef
  let other = 0x41c6ce57
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    one = Math.imul(one ^ code, 2654435761)
    other = Math.imul(other ^ code, 1597334677)
  }
  one = Math.imul(one ^ (one >>> 16), 2246822507) ^ Math.imul(other ^ (other >>> 13), 3266489909)
  other = Math.imul(other ^ (other >>> 16), 2246822507) ^ Math.imul(one ^ (one >>> 13), 3266489909)
  return (other >>> 0).toString(36) + (one >>> 0).toString(36)
}
