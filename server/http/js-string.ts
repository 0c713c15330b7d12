/**
 * A text as a script writes it. U+2028 and U+2029 end a line in older JavaScript; `<` could end or begin an element where the script
 * is inline.
 */
export function jsString(text: string): string {
  return JSON.stringify(text).replace(
    /[<\u2028\u2029]/g,
    found => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
