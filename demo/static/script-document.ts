import type { Environment } from '../../src/environment.ts'

/** What JSONP uses of a script tag. */
interface Script {
  src: string
  onload: (() => void) | null
  onerror: (() => void) | null
}

/** Like a browser's document, as far as JSONP uses it: a script that is added is loaded from the server in the page, and its call is made. */
export function scriptDocument(load: typeof fetch): Environment['document'] {
  const document = {
    readyState: 'complete',
    documentElement: undefined,
    defaultView: window,
    createElement: (): Script => ({ src: '', onload: null, onerror: null }),
    querySelector: () => null,
    head: { append: (script: Script) => void run(script) },
    implementation: { createHTMLDocument: () => ({ adoptNode: () => {} }) },
  }
  return document

  async function run(script: Script): Promise<void> {
    try {
      const response = await load(script.src)
      if (!response.ok) return script.onerror?.()
      call(await response.text())
      script.onload?.()
    } catch {
      script.onerror?.()
    }
  }
}

/** Makes the call that is all there is in an answer, `/**\/name("…")`, without evaluating it as a program. */
function call(text: string): void {
  const [, name = '', argument = ''] = /(\w+)\((".*")\)/s.exec(text) ?? []
  const page = window as unknown as Record<string, ((answer: unknown) => void) | undefined>
  page[name]?.(JSON.parse(argument))
}
