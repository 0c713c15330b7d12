/** What the chat needs itself. */
const reserved = ['all', 'everyone', 'publisher']

/** A name as it is shown, or what is wrong with it. No invisible characters, to dress up as somebody else. */
export function readName(name: unknown): string | { wrong: string } {
  const text = typeof name === 'string' ? name.normalize('NFC').trim() : ''
  const length = [...text].length
  if (length < 1 || length > 20) return { wrong: 'A name has 1 to 20 characters.' }
  if (!/^[\p{L}\p{M}\p{N}\p{P}\p{S}]+( [\p{L}\p{M}\p{N}\p{P}\p{S}]+)*$/u.test(text)) {
    return { wrong: 'A name is made of characters that can be seen, with single spaces between.' }
  }
  if (reserved.includes(fold(text))) return { wrong: `“${text}” is a name that the chat needs itself.` }
  return text
}

/** Names that look the same are the same. */
export function fold(name: string): string {
  return name.trim().normalize('NFKC').toLowerCase()
}
