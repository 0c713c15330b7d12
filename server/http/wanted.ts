import { refusal } from '../http-error.ts'
import { printable } from '../printer.ts'

/** A topic that a client names, and where it wants to begin in it (docs/PROTOCOL.md, "Topics"). */
export interface Wanted {
  readonly topic: string
  readonly from: From
  /** Whether it is wanted only as far as `authorize` gives it by itself. */
  readonly granted: boolean
  /** Whether it is asked who is in it. */
  readonly asksWho: boolean
  /** The number of the question, which the answer repeats; 0 without one. */
  readonly number: number
}

/** After an id; now; with the last so many messages; or with what was kept since a time, in ms of the epoch. */
export type From =
  | { readonly by: 'id'; readonly id: string }
  | { readonly by: 'now' }
  | { readonly by: 'last'; readonly count: number }
  | { readonly by: 'time'; readonly since: number }

/** How long a name may be that a client asks for, in bytes of UTF-8. */
const longestName = 256

/** Reads `[*][+][NUMBER!]FROM:TOPIC`. Throws a refusal for what is none. */
export function readWanted(text: string): Wanted {
  const colon = text.indexOf(':')
  const granted = text.startsWith('*')
  const asksWho = text.startsWith('+', granted ? 1 : 0)
  const [, number = 0, rest = ''] =
    /^(?:(\d{1,15})!)?(.*)$/s.exec(text.slice(Number(granted) + Number(asksWho), colon)) ?? []
  const from = readFrom(rest)
  if (colon < 0 || !from) throw refusal(400, `${printable(text)} names no topic: it is FROM:TOPIC`)
  return { topic: text.slice(colon + 1), from, granted, asksWho, number: Number(number) }
}

/** Why no line can hear a topic of this name, if none can. */
export function faultOfName(topic: string): string | undefined {
  if (topic === '') return 'the name of a topic is empty'
  if (/[\r\n\0]/.test(topic)) return `${printable(topic)} is no name for a topic: it has CR, LF or NUL`
  if (topic.startsWith('rt.')) return 'topics that begin with rt. are private'
  const length = Buffer.byteLength(topic)
  return length > longestName
    ? `the name of a topic has at most ${longestName} bytes; ${printable(topic, 20)} has ${length}`
    : undefined
}

function readFrom(text: string): From | undefined {
  if (text === '') return { by: 'now' }
  const [, mark, digits] = /^([-@])(\d{1,15})$/.exec(text) ?? []
  if (mark === '-') return { by: 'last', count: Number(digits) }
  if (mark === '@') return { by: 'time', since: Number(digits) }
  // An id has dots, and may begin with `-`.
  return text.startsWith('@') ? undefined : { by: 'id', id: text }
}
