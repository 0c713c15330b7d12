import { show } from '../src/wire/codec.ts'

/**
 * Looks at the names of what a call was given as its options; what they say is for the call to look at.
 *
 * @throws {TypeError} for what is no object, and for a name that is not known
 */
export function checkOptions(call: string, options: object, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null)
    throw new TypeError(`${call}: the options are ${show(options)}; they have to be an object`)
  for (const name in options)
    if (!known.includes(name))
      throw new TypeError(`${call}: unknown option ${show(name)}; the options are ${known.join(', ')}`)
}
