import { createHash } from 'node:crypto'
import type { Heard } from './nats-link.ts'

/** How many characters of a subject a topic may take; a longer name is in a header. */
const longest = 200

/** All subjects of a log. */
export function createSubjects(prefix: string) {
  return {
    kept: [`${prefix}.msg.>`, `${prefix}.end.*`, `${prefix}.era`],
    marker: `${prefix}.era`,
    passed: `${prefix}.pass.>`,
    isEnd: (subject: string) => subject.startsWith(`${prefix}.end.`),
    isMessage: (subject: string) => subject.startsWith(`${prefix}.msg.`),
    end: (kind: string) => `${prefix}.end.${kind}`,
    message: (topic: string) => `${prefix}.msg.${tokensOf(topic)}`,
    pass: (topic: string) => `${prefix}.pass.${tokensOf(topic)}`,
    registry: {
      all: `${prefix}.registry.>`,
      of: (key: string) => `${prefix}.registry.${tokensOf(key)}`,
    },
    topicOf: ({ subject, header }: Pick<Heard, 'subject' | 'header'>) =>
      readTokens(subject.slice(prefix.length + 1), header),
  }
}

/** A name that can stand in a subject does so as it is; others are written in base64, or, where that is long, as a hash, and the name in a header. */
function tokensOf(topic: string): string {
  if (/^[\w:-]+$/.test(topic) && topic.length <= longest) return `plain.${topic}`
  const coded = toBase64(topic)
  if (coded !== '' && coded.length <= longest) return `base64.${coded}`
  return `hash.${createHash('sha256').update(topic).digest('base64url')}`
}

export function nameHeader(topic: string): Record<string, string> {
  return tokensOf(topic).startsWith('hash.') ? { 'Throughline-Topic': toBase64(topic) } : {}
}

function readTokens(rest: string, header: Heard['header']): string {
  const [, how, token = ''] = rest.split('.')
  if (how === 'plain') return token
  return fromBase64(how === 'base64' ? token : header('Throughline-Topic'))
}

export function toBase64(text: string): string {
  return Buffer.from(text).toString('base64url')
}

export function fromBase64(text: string): string {
  return Buffer.from(text, 'base64url').toString()
}
