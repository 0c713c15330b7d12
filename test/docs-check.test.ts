/** `npm run docs:check` finds what is wrong. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { examine } from '../scripts/docs/examples.ts'
import { deadLinks } from '../scripts/docs/links.ts'
import { differences } from '../scripts/docs/translations.ts'

const good = `
\`\`\`ts
// live.ts
import { connect } from 'throughline'
export const line = connect('/live')
export interface Note { text: string }
\`\`\`
\`\`\`js
line.onmessage = event => show(event.data.text)
\`\`\`
\`\`\`vue
<script setup lang="ts">
import { ref } from 'vue'
import { line, type Note } from './live.ts'
const note = ref<Note>()
</script>
<template><p @click="line.close()">{{ note?.text }}</p></template>
\`\`\`
\`\`\`svelte
<script lang="ts">
  import { line } from 'throughline/svelte'
  const live = line('/live')
</script>
<p>{$live.state}</p>
\`\`\`
\`\`\`html
<script>Throughline.connect('/live')</script>
\`\`\`
\`\`\`ts partial
constructor(private line: Line) {}
\`\`\`
`

it('examples compile with what earlier ones of their page have, and parts are counted', () => {
  expect(examine([{ path: 'page.md', text: good }])).toEqual({ wrong: [], compiled: 5, partial: 1 })
})

it('each kind of example is found out that does not compile', () => {
  const bad = good
    .replace("connect('/live')\n", 'connect(42)\n')
    .replace('line.onmessage', 'lines.onmessage')
    .replace('ref<Note>()', 'ref<Nothing>()')
    .replace('note?.text }}', 'note?. }}')
    .replace("line('/live')", "line('/live', { transport: 1 })")
    .replace('<p>{$live', '<p>{#if $live')
    .replace('Throughline.connect', 'Throughline.open')
  const { wrong } = examine([{ path: 'page.md', text: bad }])
  const lines = new Set(wrong.map(sentence => Number(/^page\.md:(\d+): ./.exec(sentence)?.[1])))
  // A template is told by the line at which its example begins.
  expect([...lines].sort((one, other) => one - other)).toEqual([5, 9, 11, 15, 19, 22, 27])
})

it('links are found that lead to no page, no place on it, or no file of the repository', () => {
  const repository = 'https://github.com/throughline-js/throughline'
  const site = siteOf({
    'index.html': `<h1 id="top">Home</h1><a href="/base/guides/chat.html#rooms">1</a><a href="#top">2</a><a href="https://example.com/">3</a>
      <a href="${repository}/blob/main/README.md#try-it">4</a><a href="${repository}/tree/main/docs">5</a><a class="x" href="/base/guides/">6</a>`,
    'guides/chat.html': `<h2 id="rooms">Rooms</h2><a href="/base/guides/chat.html#room">1</a><a href="/base/chat.html">2</a><a href="/guides/">3</a>
      <a href="${repository}/blob/main/READ.md">4</a><a href="${repository}/blob/main/docs">5</a><a href="${repository}/blob/main/README.md#try">6</a>`,
    'guides/index.html': '',
  })
  const page = 'guides/chat.html links to'
  expect(deadLinks(site, '/base/').sort()).toEqual(
    [
      '/base/guides/chat.html#room',
      '/base/chat.html',
      '/guides/',
      `${repository}/blob/main/READ.md`,
      `${repository}/blob/main/docs`,
      `${repository}/blob/main/README.md#try`,
    ]
      .map(link => `${page} ${link}, which is not there`)
      .sort(),
  )
})

it('a page in Korean that has other code than the English one is found, and other words are not', () => {
  const path = 'docs/ko/start.md'
  const text = readFileSync(path, 'utf8')
  expect(differences({ path, text })).toEqual([])
  expect(differences({ path, text: text.replace('지금은', '이제') })).toEqual([])
  expect(differences({ path, text: text.replace('1000)', '2000)') })).toHaveLength(1)
  expect(differences({ path, text: text.replace('npx vite build', 'npx vite') })).toHaveLength(1)
})

function siteOf(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'throughline-site-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  return folder
}
