import { WebSocket } from 'ws'
import { fetchStreaming } from '../src/transports/fetch-streaming.ts'
import { UsageError } from './arguments.ts'

/** What a place that is no page has to bring: Node 20 has no WebSocket of its own. */
export const environment = { WebSocket }

/** What works in Node: docs/places.md has the table. */
export const inNode = ['websocket', 'fetch-streaming', 'long-polling'] as const
export type InNode = (typeof inNode)[number]

/** The transports of a comma-separated list, or all that work in Node. */
export function readTransports(text: string | undefined) {
  const names = text === undefined ? [...inNode] : text.split(',').map(name => name.trim())
  return names.map(name => {
    if (name === 'fetch-streaming') return fetchStreaming
    if (inNode.some(known => known === name)) return name as Exclude<InNode, 'fetch-streaming'>
    throw new UsageError(`--transport is '${name}'; in Node there are ${inNode.join(', ')}`)
  })
}
