import type { Entry, History } from './log.ts'

export type Page = Pick<History, 'entries' | 'more'>

/** One answer of `after`: at most so many entries, and so many characters of text if that is less. */
export const page = { entries: 4_000, characters: 2 ** 19 }

export const emptyPage: Page = { entries: [], more: false }

/** As much of `found` as goes on a page, but one entry in any case. */
export function firstPage(found: readonly Entry[]): Page {
  let characters = 0
  const tooMany = found.findIndex((entry, index) => {
    characters += entry.text.length
    return index === page.entries || (index > 0 && characters > page.characters)
  })
  return tooMany < 0 ? { entries: found, more: false } : { entries: found.slice(0, tooMany), more: true }
}
