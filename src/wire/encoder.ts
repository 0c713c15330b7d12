import type { Block } from './block.ts'
import { refuse } from './refuse.ts'

/**
 * The text of one block, its lines ending in LF: `encode({ id: '1', data: 'a' })` is `'id: 1\ndata: a\n\n'`.
 * Reading it back gives the same block; an empty `event`, `encoding`, `type`, `topic` or `re` is the same as none.
 *
 * @throws {TypeError} when a value would not come back as it is, or would begin a line of its own: CR, LF or NUL
 * in `id`, `event`, `type`, `topic`, `re` and `encoding` (the field `enc`); CR in `data` (see payload.ts); a `retry` that is not a whole
 * number from 0 to 2^53 - 1.
 */
export function encode({ id, event, data, retry, encoding, type, topic, re }: Partial<Block>): string {
  if (retry !== undefined && !(Number.isSafeInteger(retry) && retry >= 0))
    refuse('retry must be a whole number', retry)
  // Joined, and not added up: one flat text, where a log would keep the tree of its parts.
  const lines: string[] = []
  if (retry !== undefined) lines.push(field('retry', `${retry}`))
  if (encoding) lines.push(field('enc', encoding))
  if (type) lines.push(field('type', type))
  if (event) lines.push(field('event', event))
  if (topic) lines.push(field('topic', topic))
  if (re) lines.push(field('re', re))
  if (id !== undefined) lines.push(field('id', id))
  if (data !== undefined) lines.push(field('data', data, ofData))
  lines.push('\n')
  return lines.join('')
}

/** A comment with its blank line: it keeps a line busy and no parser yields it. */
export function comment(text: string): string {
  return `: ${text.replace(/\r\n?|\n/g, '\n: ')}\n\n`
}

/**
 * A whole text of blocks as the data of one event. A native EventSource hides comments, `retry` and the names nobody
 * listens for; the `data` it hands over of this is exactly `text`.
 */
export function wrap(text: string): string {
  return encode({ data: text })
}

const ofName = /[\r\n\0]/
const ofData = /\r/

function field(name: string, value: string, forbidden = ofName): string {
  const found = forbidden.exec(value)
  if (found) refuse(`${name} must not hold ${JSON.stringify(found[0])}`, value)
  // The space is always there, so that a value may begin with one.
  const lines = value.includes('\n') ? value.replace(/\n/g, `\n${name}: `) : value
  return `${name}: ${lines}\n`
}
