import { randomBytes } from 'node:crypto'

/** A text nobody can guess, of characters that may stand in an id: 144 bits by default. */
export function randomName(bytes = 18): string {
  return randomBytes(bytes).toString('base64url')
}
