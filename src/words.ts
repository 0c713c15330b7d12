/** Failures in sentences. Development builds say them; in production `explain()` from `throughline/report` does. */
import { type Failure, isTooLong } from './contracts/failure.ts'

/** By code. What a failure has and its sentence does not name, its status and what was said of it, comes behind it. */
const words: Record<string, (failure: Failure) => string> = {
  'broke-off': ({ where }) => `${where} broke off`,
  'carrier-gone': () => 'the tab is gone whose connection brought this line its messages',
  closed: failure => `WebSocket to ${failure.where} closed (${closing(failure)})`,
  'closed-early': failure => `WebSocket to ${failure.where} closed before opening (${closing(failure)})`,
  cors: ({ where }) => `${where} may not be read from this origin`,
  ended: ({ where }) => `${where} ended`,
  fenced: ({ status, detail }) =>
    `another producer of this id has a larger epoch, and nothing more is taken of this one (status ${status}: ${detail})`,
  'frame-origin': ({ where }) =>
    `a frame from ${where} would be of another origin, which iframeFrom() does not name`,
  goodbye: ({ detail }) => detail ?? 'the server is restarting',
  'header-too-large': ({ where }) => `${where} sent a part whose header is too large`,
  'hollow-answer': () =>
    'the server answers with success and acknowledges nothing: has something read the request before it?',
  'held-back': ({ where, after }) =>
    `${where} was accepted and began, then held back what came after for ${after} ms`,
  'holds-newest': ({ where }) => `${where} holds back what is newest until more comes`,
  'left-for-fresh': ({ where }) => `${where} was left for a fresh response`,
  navigation: ({ where }) => `${where} was ended by a navigation`,
  'no-channel': () => 'there was no channel to send by',
  'no-fetch': () => 'there is no fetch here to send by',
  'no-hello': ({ where, after }) =>
    `${where} was accepted, and the server did not say within ${after} ms that the line is open`,
  'no-multipart': ({ where, detail }) =>
    `${where} answered with ${JSON.stringify(detail)} instead of multipart`,
  'no-presence': ({ where }) => `who is in ${where} is not told`,
  'no-stream': ({ where, detail }) =>
    `${where} answered with ${detail ? JSON.stringify(detail) : 'no type'} instead of an event stream`,
  'no-ticket': ({ where, after }) => `${where} got no ticket for ${after} ms`,
  'no-transport': () => 'no transport to try',
  'post-status': ({ where, detail, status }) =>
    `${where} answered the POST of ${detail} with status ${status}`,
  'post-unanswered': () => 'a POST was not answered',
  'post-unreachable': ({ where, detail }) => `${where} did not answer the POST of ${detail}`,
  'query-late': ({ after }) => `the POST of the query gave nothing for ${after} ms`,
  refused: ({ where }) => `${where} was refused`,
  'script-late': ({ where }) => `script from ${where} did not come`,
  'script-mute': ({ where }) => `script from ${where} did not call back`,
  'script-odd': ({ where }) => `script from ${where} called back without text`,
  'script-origin': ({ where }) =>
    `jsonp would run scripts of ${where} in this page, which jsonp: 'cross-origin' allows`,
  'send-status': ({ status }) => `what was sent was answered with status ${status}`,
  'sequence-gap': ({ status, detail }) =>
    `the server misses what this producer sent before (status ${status}: ${detail})`,
  'server-refused': ({ status }) => `the server answered ${status ?? 'that it refuses'}`,
  'session-lost': () => 'the server no longer knows this session',
  silent: ({ where, after }) => `${where} is silent: no sign of life within ${after} ms of asking for one`,
  status: ({ where, status }) => `${where} answered with status ${status}`,
  stopped: ({ where }) => `${where} was stopped by the browser`,
  'stream-closed': ({ status }) => `the stream is closed, and takes nothing more (status ${status})`,
  threw: ({ where }) => `${where ?? 'it'} could not start`,
  'token-failed': () => 'token() failed',
  'token-in-address': ({ where }) =>
    `${where} would show the token in the address, which tokenIn: 'address' allows`,
  'token-late': ({ after }) => `token() gave nothing for ${after} ms`,
  'too-many-sessions': () => 'the server began too many sessions on one connection',
  'topic-refused': ({ where }) => `the topic ${where} was refused`,
  unavailable: ({ where }) => `${where} cannot be used here`,
  unanswered: ({ where, after }) => `${where} brought nothing for ${after} ms`,
  unreachable: ({ where }) => `${where} could not be reached`,
  unreadable: () => 'the server sent what cannot be read',
}

export const codes: readonly string[] = Object.keys(words)

interface Limits {
  readonly messages: number
  readonly bytes: number
  readonly age: number
}

/** One sentence: what happened and where, the other tries behind it. */
export function sentence(failure: Failure): string {
  const { kind, besides } = failure
  const all = [failure, ...(besides ?? [])]
  const advice =
    besides && kind === 'unsupported'
      ? ': choose other transports, or hand in what is missing as environment (docs/places.md)'
      : ''
  return all.map(phrase).join('; ') + advice
}

/** What a send has met, by its kind, in a sentence. `limits`: what may wait, by the option of that name. */
export function sentenceOfSend(kind: string, { messages, bytes, age }: Limits): string {
  switch (kind) {
    case 'IN_DOUBT':
      return 'IN_DOUBT: the message was sent and no answer came; it may or may not have been taken'
    case 'full':
      return `the message was not sent: ${messages} messages or ${bytes} bytes are waiting already; send less, wait for earlier sends, or raise the option "limits"`
    case 'expired':
      return `the message was not sent: it waited too long for a line (${age} ms by the option "limits")`
    case 'dropped':
      return 'the message was not sent: it is volatile, and could not be sent at once'
    case 'too-large':
      return 'the message was not sent: it is too large; split it'
    case 'forbidden':
      return 'the message was not taken: the server lets this line listen only'
    case 'declined':
      return 'the message was not taken'
    case 'unsendable':
      return 'the message cannot be sent'
    case 'closed':
      return 'the message was not sent: the line was closed'
    default:
      return kind
  }
}

function phrase(failure: Failure): string {
  const { code } = failure
  // A goodbye is no answer to a request: its status is the one that the dialect gives it.
  const status = code === 'goodbye' ? undefined : failure.status
  const said = words[code]?.(failure) ?? code
  const detail = failure.detail ?? (status && isTooLong(status) ? tooLong : '')
  const more = said.includes(detail) ? '' : detail
  if (!status || said.includes(`${status}`)) return more ? `${said}, ${more}` : said
  return `${said} (status ${status}${more && `: ${more}`})`
}

/** With what the server gave as the reason; beside a status the detail is what was said to the request that asked. */
function closing({ closeCode, detail, status }: Failure): string {
  return detail && !status ? `${closeCode} ${detail}` : `${closeCode}`
}

/** What can be done about a status that says that a request is longer than the server, or something before it, reads. */
const tooLong =
  'address and headers are longer than it takes: ask for fewer topics or shorter params, or let it take more (maxHeaderSize in Node, large_client_header_buffers in nginx)'
