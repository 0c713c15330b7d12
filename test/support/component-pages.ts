import { readFileSync } from 'node:fs'

/** The modules and components that a page of the documentation shows, by the names that their first lines give. */
export function samplesOf(page: 'react' | 'vue' | 'svelte'): Map<string, string> {
  const text = readFileSync(`docs/${page}.md`, 'utf8')
  const blocks = text.matchAll(/^```(?:tsx?|vue|svelte)\n(?:\/\/ (\S+)|<!-- (\S+) -->)\n(.*?)^```/gms)
  return new Map([...blocks].map(([, module, component, code = '']) => [module ?? component ?? '', code]))
}
