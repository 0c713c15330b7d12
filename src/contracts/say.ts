import { sentence, sentenceOfSend } from '../words.ts'
import type { SendKind } from './errors.ts'
import type { Failure } from './failure.ts'
import type { Waiting } from './waiting.ts'

/** Given by the build: `false` in production. */
declare const DEV: boolean | undefined

/** What an error says of a failure: in development all that there is to say, in production what the server said, and a code to look up. */
export function say(failure: Failure): string {
  if (typeof DEV === 'undefined' || DEV) return sentence(failure)
  const { where, code, status, detail } = failure
  return `${where ? `${where}: ` : ''}${code}${status ? ` (status ${status})` : ''}${detail ? `, ${detail}` : ''}`
}

/** The same of a message that was not sent, or may not have been taken. */
export function saySend(kind: SendKind, limits: Waiting): string {
  return typeof DEV === 'undefined' || DEV ? sentenceOfSend(kind, limits) : `send: ${kind}`
}
