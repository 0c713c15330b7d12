/**
 * What a page pays: each entry bundled, minified and compressed, beside the budget it must keep: `npm run size`. What is measured here is the
 * only source of the figures that the documentation names, and a stale one fails. `-- --write` puts them there.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { measure, staleFigures, writeFigures } from './sizes.ts'

const budgets = JSON.parse(readFileSync('size-budgets.json', 'utf8')) as Record<string, number>

const sizes = await measure()
console.table(
  Object.fromEntries([...sizes].map(([name, each]) => [name, { ...each, budget: budgets[name] }])),
)

for (const [name, { brotli }] of sizes) {
  const budget = budgets[name]
  if (budget === undefined) fail(`${name} has no budget in size-budgets.json`)
  else if (brotli > budget)
    fail(`${name} is ${brotli} bytes (brotli), ${brotli - budget} over its budget of ${budget}`)
}

if (process.argv.includes('--write')) {
  writeFigures(sizes)
  execFileSync('npm', ['run', '--silent', 'bench', '--', '--only', 'size'], { stdio: 'inherit' })
}
for (const stale of staleFigures(sizes)) fail(`${stale}: \`npm run size -- --write\` puts it right`)

function fail(message: string): void {
  console.error(message)
  process.exitCode = 1
}
