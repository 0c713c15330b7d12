/** What a request line asks for. */
export interface Target {
  /** Path and query. */
  readonly path: string
  /** The host of an absolute target. */
  readonly host: string | undefined
}

/** Reads the target of a request: a path, or, as proxies send it, a whole address (RFC 9112, 3.2). */
export function readTarget(target: string): Target | undefined {
  if (isPlain.test(target)) return { path: target, host: undefined }
  const absolute = /^https?:\/\//i.test(target)
  if (!absolute && !target.startsWith('/')) return undefined
  // Two slashes at the beginning are a path all the same, where a URL would take what follows for a host.
  const text = absolute ? target : `http://host${target}`
  if (!URL.canParse(text)) return undefined
  const { pathname, search, host } = new URL(text)
  return { path: pathname + search, host: absolute ? host : undefined }
}

/** Most are: a path and a query of which a URL would change nothing. */
const isPlain = /^(?!.*\/(?:\.|%2e))\/(?!\/)[\w!$%&()*+,./:;=?@~-]*$/i

/** One form for each path, since `/l%69ve` and `/live` are the same (RFC 3986, 6.2.2). */
export function canonicalPath(target: string): string | undefined {
  const path = readTarget(target)?.path.split('?', 1)[0]
  return path?.replace(/%[0-9a-f]{2}/gi, code => {
    const character = String.fromCharCode(Number.parseInt(code.slice(1), 16))
    return /[\w.~-]/.test(character) ? character : code.toUpperCase()
  })
}
