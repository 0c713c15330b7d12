/** What docs/react.md, docs/vue.md and docs/svelte.md show compiles: by TypeScript, and by the compilers of Vue and Svelte. */
import { compile as compileSvelte } from 'svelte/compiler'
import { describe, expect, it } from 'vitest'
import { compileScript, parse } from 'vue/compiler-sfc'
import { complaints } from '../support/compile.ts'
import { samplesOf } from '../support/component-pages.ts'

describe('docs/react.md', () => {
  const samples = samplesOf('react')

  it('compiles', () => {
    expect([...samples.keys()]).toEqual([
      'live.ts',
      'App.tsx',
      'Typing.tsx',
      'Ask.tsx',
      'Small.tsx',
      'Page.tsx',
    ])
    expect(wrong(samples)).toEqual([])
  })
})

describe('docs/vue.md', () => {
  const samples = samplesOf('vue')

  it('compiles, templates included', () => {
    expect([...samples.keys()]).toEqual(['live.ts', 'App.vue', 'Typing.vue', 'Ask.vue'])
    expect(wrong(new Map([...samples].map(([name, code]) => vueModule(name, code))))).toEqual([])
  })

  it('what a template does wrong is found', () => {
    const typo = (samples.get('App.vue') ?? '').replace('message.data.text', 'message.data.txt')
    const live = samples.get('live.ts') ?? ''
    expect(wrong(new Map([['live.ts', live], vueModule('App.vue', typo)]))).toEqual([
      expect.stringMatching(/'txt' does not exist/),
    ])
  })
})

describe('docs/svelte.md', () => {
  const samples = samplesOf('svelte')

  it('compiles', () => {
    expect([...samples.keys()]).toEqual(['live.ts', 'App.svelte', 'Typing.svelte', 'Ask.svelte'])
    for (const [name, code] of samples)
      if (name.endsWith('.svelte')) expect(compileSvelte(code, { filename: name }).warnings).toEqual([])
    expect(wrong(new Map([...samples].map(([name, code]) => svelteModule(name, code))))).toEqual([])
  })
})

/** What compilers declare may be unused, and so may be in a script what its template uses. */
function wrong(samples: ReadonlyMap<string, string>): string[] {
  const inDocs = new Map([...samples].map(([name, code]) => [`docs/${name}`, code]))
  return complaints(inDocs).filter(said => !said.endsWith('is declared but its value is never read.'))
}

/** The script, and the template as a function within it. */
function vueModule(name: string, code: string): [string, string] {
  if (!name.endsWith('.vue')) return [name, code]
  const { descriptor, errors } = parse(code, { filename: name })
  expect(errors).toEqual([])
  const { content } = compileScript(descriptor, { id: name, inlineTemplate: true })
  return [name.replace('.vue', '.vue.ts'), content]
}

/** The script; a store with a dollar before its name is its value. */
function svelteModule(name: string, code: string): [string, string] {
  const script = /<script lang="ts">\n(.*?)<\/script>/s.exec(code)?.[1]
  if (script === undefined) return [name, code]
  const stores = new Set([...code.matchAll(/\$([a-z]\w*)(?=\.)/g)].map(([, store]) => store))
  const values = [...stores].map(store => `declare const $${store}: ValueOf<typeof ${store}>\n`)
  const given = `
    import type { Readable } from 'svelte/store'
    type ValueOf<Store> = Store extends Readable<infer Value> ? Value : never
    ${values.join('')}`
  const runes = `
    declare function $state<Value>(value: Value): Value
    declare function $derived<Value>(value: Value): Value`
  return [name.replace('.svelte', '.svelte.ts'), `${script}${given}${runes}`]
}
