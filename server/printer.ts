import { inspect } from 'node:util'

/** So many errors are printed within so many ms; of others it is printed how many there were. */
export const most = 20
export const within = 10_000

/** How much of one is printed, in characters, and of a text in it. */
const longest = 4_000
const longestText = 500

/** Prints errors for people. Whatever clients bring about, the log grows by a bounded number of lines of bounded length. */
export function createPrinter(): (error: unknown) => void {
  let printed = 0
  return error => {
    if (printed === 0) setTimeout(rest, within).unref()
    if (printed++ < most) console.error(inWords(error))
  }

  function rest(): void {
    if (printed > most)
      console.error(
        `${printed - most} more errors within ${within / 1000} s are not printed; hub.on('error') hears them all`,
      )
    printed = 0
  }
}

/** What a client wrote may be part of an error, so that it moves no cursor and begins no line of its own at the left. */
function inWords(error: unknown): string {
  const text = inspect(error, { depth: 3, maxStringLength: longestText, maxArrayLength: 20 })
  return cut(text, longest)
    .replace(/\n/g, '\n  ')
    .replace(/[^\P{Cc}\n\t]/gu, inHex)
}

/** A text that a client may have chosen, as one line of bounded length. */
export function printable(text: string, limit = 200): string {
  return cut(text, limit).replace(/[\p{Cc}\u2028\u2029]/gu, inHex)
}

function cut(text: string, limit: number): string {
  return text.length > limit ? `${text.slice(0, limit)}… (${text.length - limit} characters more)` : text
}

function inHex(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
