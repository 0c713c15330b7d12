import type { TestPage } from '../fixtures/test.ts'

// What the page's own script, pages/line.html, puts into the page.
declare const begin: (url: string, options: object) => void
declare const heard: { type: string }[]

/** A line to a server that is not ours. */
export interface ForeignLine {
  /** Where the page comes from. */
  readonly site: string
  /** Relative to the page, or elsewhere. */
  readonly url: string
  /** The name of a dialect's module, which its factory has in camel case, and what that is given; without one, the plain dialect. */
  readonly dialect?: string
  readonly given?: object
  readonly options?: object
  /** Transports that are not among the five: what each is called in which module. One that is to be made is made quick. */
  readonly imports?: Record<string, string>
  /** Whether WebSockets fail until the page's variable of that name is false. */
  readonly withoutWebSocket?: boolean
  /** Whether the page has seen a slow network: the next transport begins after two seconds then, so a busy machine decides nothing. */
  readonly slow?: boolean
  /** The page's credential. */
  readonly token?: string
}

/** Opens the page and begins a line there, which writes down all it hears. */
export async function beginForeign(page: TestPage, { site, ...rest }: ForeignLine): Promise<void> {
  await page.goto(`${site}/pages/line.html`)
  if (rest.withoutWebSocket) await page.evaluate(failWebSockets)
  if (rest.slow) await page.evaluate(seeSlowNetwork)
  await page.evaluate(async ({ url, dialect, given, options, token, imports = {} }) => {
    const part = async (path: string, name: string) => (await import(`/dist/${path}.js`))[name]
    const factory = dialect?.replace(/-(.)/g, (_, first: string) => first.toUpperCase()) ?? ''
    const made = dialect ? (await part(`dialects/${dialect}`, factory))(given) : 'plain'
    const found = await Promise.all(Object.entries(imports).map(([name, path]) => part(path, name)))
    const optIn = found.map(each => (typeof each === 'function' ? each({ every: 50 }) : each))
    const transports = optIn.length > 0 ? { transports: optIn } : {}
    begin(url, { dialect: made, ...options, ...transports, ...(token && { token: () => token }) })
  }, rest)
}

function failWebSockets(): void {
  const Real = WebSocket
  const here = globalThis as unknown as { withoutWebSocket: boolean; WebSocket: unknown }
  here.withoutWebSocket = true
  here.WebSocket = function Failing(url: string, protocols?: string[]) {
    if (here.withoutWebSocket) throw new Error('there are no WebSockets just now')
    return new Real(url, protocols)
  }
}

/** In the page, before a race begins. */
export function seeSlowNetwork(): void {
  const entry = { name: `${location.origin}/`, requestStart: 1, responseStart: 1_001 }
  performance.getEntriesByType = () => [entry as never]
}

/** The same, and waits until it has opened; a line to a script that ends at once is not open for long. */
export async function openForeign(page: TestPage, where: ForeignLine): Promise<void> {
  await beginForeign(page, where)
  await page.waitFor(() => heard.some(({ type }) => type === 'open'))
}
