/** Whether pages of this origin may connect. */
export type IsListed = (origin: string) => boolean

/** Reads the option `origins`. */
export function readOrigins(listed: unknown): IsListed {
  if (typeof listed === 'function') return origin => decided(listed(origin))
  if (!Array.isArray(listed))
    throw new TypeError(
      `origins is ${JSON.stringify(listed)}; it is an array such as ['https://www.example.com'], or a function`,
    )
  const exact = new Set<string>()
  const tests: RegExp[] = []
  for (const entry of listed) {
    const origin = checkOrigin(entry)
    if (origin.includes('*')) tests.push(patternOf(origin))
    else exact.add(origin)
  }
  return origin => exact.has(origin) || tests.some(test => test.test(origin))
}

/** A promise would be as good as `true` to a careless reader, and let everybody in. */
function decided(said: unknown): boolean {
  if (typeof said !== 'boolean')
    throw new TypeError(`origins() gave ${said}; it has to give true or false, and at once`)
  return said
}

function checkOrigin(origin: unknown): string {
  if (typeof origin !== 'string')
    throw new TypeError(`origins: ${origin} is no text; a function in place of the array can test origins`)
  if (origin === '*') {
    throw new TypeError(
      "origins: '*' would let every site act with your users' cookies; list the origins that may, such as https://www.example.com",
    )
  }
  const [, scheme, host = ''] = /^([a-z][a-z0-9+.-]*:\/\/)\*\.(.+)$/.exec(origin) ?? []
  const plain = scheme ? scheme + host : origin
  if (plain.includes('*') || (scheme && !/[^.]\.[^.]|^localhost\b/.test(host)))
    throw new TypeError(
      `origins: '${origin}' cannot be matched; * stands for all subdomains of a name, as in https://*.example.com`,
    )
  const canonical = URL.canParse(plain) ? new URL(plain).origin : 'https://host[:port]'
  // A scheme that is not the web's has no canonical form.
  if (canonical !== 'null' && canonical !== plain) {
    const advice = scheme ? canonical.replace('://', '://*.') : canonical
    throw new TypeError(`origins: '${origin}' is not as browsers write it: ${advice}`)
  }
  return origin
}

function patternOf(origin: string): RegExp {
  const [before, after] = origin.split('*').map(part => part.replace(/[.+\\]/g, '\\$&'))
  return new RegExp(`^${before}[a-z0-9_-]+(\\.[a-z0-9_-]+)*${after}$`)
}
