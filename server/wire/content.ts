import { isPayload, toJson } from '../../src/wire/codec.ts'
import { pack } from '../../src/wire/payload.ts'
import type { Packed } from '../log/log.ts'
import { lengthOnWire, longest } from './length.ts'

/** What a message holds, as the log keeps it. */
export type Content = Pick<Packed, 'data' | 'encoding' | 'type'>

/** An answer without a value. */
export const noContent: Content = { data: '', encoding: undefined, type: 'none' }

/**
 * Text and bytes as they are, any other value as JSON.
 *
 * @throws {TypeError} naming what JSON cannot hold
 * @throws {RangeError} for more than fits into a message
 */
export function contentOf(value: unknown, event?: string): Packed {
  const type = isPayload(value) ? undefined : 'json'
  const { data, encoding } = pack(isPayload(value) ? value : toJson(value, 'data'))
  const length = lengthOnWire(data)
  if (length > longest)
    throw new RangeError(`a message takes ${length} characters on the wire, of at most ${longest}; split it`)
  return { event, data, encoding, type }
}
