import type { Environment } from '../environment.ts'
import { digest } from '../wire/address.ts'
import type { CoreOptions } from './options.ts'
import { readParams, withParams } from './pairs.ts'

/**
 * Hands the cursor over to the same page after a reload. It is there only between two pages: a tab that is duplicated while
 * this page lives copies nothing.
 */
export function reloadCursor(
  environment: Environment,
  address: URL,
  { params = {} }: Pick<CoreOptions, 'params'>,
) {
  const given = typeof params === 'function' ? address : withParams(address, readParams(params))
  const key = `throughline:${digest(given.href)}`
  const recall = () => environment.getItem(key, 'sessionStorage')
  return {
    kept: recall(),
    keep(cursor: string | null) {
      // Of two lines to the same address the first will recall what is kept, so its own it has to be.
      if (cursor === null || recall() === null) environment.setItem(key, cursor, 'sessionStorage')
    },
  }
}
