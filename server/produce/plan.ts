import { show } from '../../src/wire/codec.ts'
import { checkOptions } from '../call-options.ts'
import { checkTime } from '../log/log.ts'
import { checkSource, type Source } from './source.ts'

/** Options of `hub.produce()`. */
export interface ProduceOptions<Name extends string = string, End extends string = string> {
  /**
   * The name of the event that each piece is published as.
   * @default 'message'
   */
  event?: Name | undefined
  /**
   * The name of the event that comes behind the last piece; a `ProductionEnd` is its data.
   * @default 'end'
   */
  end?: End | undefined
  /**
   * Milliseconds that the topic is kept after its end, from where it can be read from its beginning. More: it is forgotten, as with the log's own `expire`.
   * While the source is silent before its end the topic is kept for an hour, or for as long as this if that is longer.
   * @default as the log has it for this topic, a day unless you say otherwise
   */
  expire?: number | undefined
  /**
   * Bytes of pieces that are kept at most, since a source may never end. A piece counts as much as its data has bytes in UTF-8, and 200 for what it takes to keep it.
   * More: the source is closed, and the production ends with an error of status 507. The log's `retain` and `retainBytes` do not count here.
   * @default 33554432
   */
  retainBytes?: number | undefined
}

/** A production as it was asked for, with nothing left out. */
export interface Plan {
  readonly topic: string
  readonly source: Source
  readonly event: string
  readonly end: string
  readonly expire: number | undefined
  readonly retainBytes: number
}

const usual = { event: 'message', end: 'end', retainBytes: 2 ** 25 }

const known = ['event', 'end', 'expire', 'retainBytes']

/**
 * Reads what `produce` was given; names of topics and events are checked by the hub.
 *
 * @throws {TypeError} naming what cannot be
 */
export function readPlan(topic: string, source: unknown, options: ProduceOptions): Plan {
  checkSource(source)
  checkOptions('produce', options, known)
  const { event = usual.event, end = usual.end, expire, retainBytes = usual.retainBytes } = options
  if (event === end)
    throw new TypeError(`produce: event and end are both ${show(end)}; a page could not tell them apart`)
  if (expire !== undefined) checkTime('produce: expire', expire)
  if (!(typeof retainBytes === 'number' && retainBytes >= 1))
    throw new TypeError(
      `produce: retainBytes is ${show(retainBytes)}; it has to be a number of bytes, 1 or more`,
    )
  return { topic, source: source as Source, event, end, expire, retainBytes }
}
