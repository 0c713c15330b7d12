import type { Incoming } from '../contracts/dialect.ts'
import { type Failure, tryTo, withoutQuery } from '../contracts/failure.ts'
import type { Done } from '../contracts/send.ts'
import { guardSink, type Target, type Transport } from '../contracts/transport.ts'
import type { Environment } from '../environment.ts'
import { createPollPacing } from './http/poll-pacing.ts'
import { postAlone } from './http/post.ts'
import { addressed } from './http/ticket.ts'
import { originOf } from './http/xhr-request.ts'

/** How much URL-encoded text one request carries upward: addresses beyond some thousand characters are refused by many servers. */
const slice = 2_000

/** A held poll is answered after 25 s at the latest; a script that has not called back by then never will. */
const patience = 40_000

/**
 * A page does not fire `load` while a script that it was given before is on its way. So the first poll goes at once, since the
 * server answers it at once, and what follows leaves room for `load`: so many ms at most, if something else holds it back.
 */
const room = { poll: 10_000, send: 1_000 }

/** WebKit's page goes on loading, as its person and its driver see it, if a script comes in the moments after `load`. In ms. */
const settling = 100

/**
 * Script tags whose answers call a function: the last way, which needs neither CORS nor XMLHttpRequest. It runs what the
 * server answers, so it only ever asks the page's own origin, and at another one if the page says so.
 */
export const jsonp: Transport = {
  name: 'jsonp',
  kind: 'script',
  supports: target => target.environment.document?.head !== undefined && trusted() !== undefined,
  open(target, sink) {
    const { dialect, environment } = target
    const pace = createPollPacing(target)
    let cancelPoll = () => {}
    let cancelSend: () => void = () => {}
    let pause: unknown
    const out = guardSink(sink, () => {
      cancelPoll()
      cancelSend()
      environment.clearTimeout(pause)
    })
    const origin = originOf(target.buildRequest(jsonp).url)
    if (target.jsonp || origin === pageOf(environment.document as Document).origin) poll(0)
    else queueMicrotask(() => out.ended({ kind: 'unsupported', code: 'script-origin', where: origin }))
    return {
      close: out.close,
      send: (text, done) =>
        dialect.sending.acknowledges ? send(text as string, done) : postAlone(target, text, done, 'no-cors'),
    }

    function poll(turn: number): void {
      cancelPoll = afterLoad(environment, turn && room.poll, () => {
        const since = environment.now()
        return call(target, { pollIndex: turn }, turn ? patience : target.timeout, answer => {
          if (typeof answer !== 'string') return out.ended(answer)
          out.opened()
          const blocks = read(answer)
          const refusal = dialect.protocol.refusal?.(blocks)
          if (refusal) return out.ended(refusal)
          out.heard(() => {
            if (out.shut) return
            const wait = pace.after({ since, text: answer, spoke: blocks.length > 0 })
            pause = environment.setTimeout(() => poll(turn + 1), wait)
          })
        })
      })
    }

    function send(text: string, done: Done, at = 0): void {
      if (out.shut) return done({ kind: 'ended', code: 'no-channel' })
      const end = sliceEnd(text, at)
      const query = { 'rt.up': text.slice(at, end), 'rt.at': `${at}`, 'rt.of': `${text.length}` }
      const answered = (answer: string | Failure) => {
        if (typeof answer !== 'string') return done(answer)
        const refusal = dialect.protocol.refusal?.(read(answer))
        if (refusal || end === text.length) done(refusal, !refusal)
        else send(text, done, end)
      }
      // One before this that has not ended is of no use any more: nobody sends beside one that is waited for.
      cancelSend()
      cancelSend = afterLoad(environment, room.send, () => call(target, { query }, target.timeout, answered))
    }

    function read(answer: string): Incoming[] {
      const reader = target.reader(jsonp)
      const blocks = reader.feed(answer)
      if (!dialect.protocol.refusal?.(blocks)) out.blocks(blocks)
      return blocks
    }
  },
}

/** Begins at once in a page that has loaded, otherwise shortly after `load`, or after `limit` ms. Gives back what stops it. */
function afterLoad(environment: Environment, limit: number, begin: () => () => void): () => void {
  if (limit === 0 || environment.document?.readyState === 'complete') return begin()
  let timer: unknown
  const leave = environment.listen('load', () => wait(settling))
  let stop = () => {
    leave()
    environment.clearTimeout(timer)
  }
  wait(limit)
  return () => stop()

  function wait(ms: number): void {
    environment.clearTimeout(timer)
    timer = environment.setTimeout(() => {
      stop()
      stop = begin()
    }, ms)
  }
}

let calls = 0

interface Details {
  pollIndex?: number
  query?: Record<string, string>
}
type Heard = (answer: string | Failure) => void

/** One script tag. What the page throws at it is an answer like another, and comes later too. */
function call(target: Target, details: Details, limit: number, heard: Heard): () => void {
  let stop = () => {}
  let stopped = false
  const { environment } = target
  const callback = `_rt${(calls++).toString(36)}${Math.floor(environment.random() * 2 ** 32).toString(36)}`
  const fail = (failure: Failure) => queueMicrotask(() => stopped || heard(failure))
  const begin = (url: string) => underway(insert(target, url, callback, limit, heard))
  const underway = (current: () => void) => {
    stop = current
  }
  tryTo(() => addressed(target, jsonp, { ...details, jsonpCallback: callback }, begin, fail, underway), fail)
  return () => {
    stopped = true
    stop()
  }
}

/** Adds it, hears its call or its failure, and takes away the tag and the function in every case. */
function insert(target: Target, url: string, callback: string, limit: number, heard: Heard): () => void {
  const { environment } = target
  const document = environment.document as Document
  const page = pageOf(document)
  const script = document.createElement('script')
  const clean = () => {
    environment.clearTimeout(timer)
    script.onload = script.onerror = null
    // In another document a script that is still on its way is not run any more (WHATWG HTML, "execute the script element").
    elsewhere(document).adoptNode(script)
    delete page[callback]
  }
  const finish = (answer: string | Failure) => {
    clean()
    heard(answer)
  }
  const fail = (code: string) => finish({ kind: 'refused', code, where: withoutQuery(url) })
  const timer = environment.setTimeout(() => fail('script-late'), limit)
  page[callback] = (answer: unknown) => (typeof answer === 'string' ? finish(answer) : fail('script-odd'))
  script.onerror = () => fail('unreachable')
  script.onload = () => fail('script-mute')
  const nonce = document.querySelector<HTMLElement>('script[nonce]')?.nonce
  if (nonce) script.nonce = nonce
  // Without it the server cannot know whose page it answers, and does not.
  script.referrerPolicy = 'origin'
  script.src = (trusted() as (url: string) => string)(url)
  document.head.append(script)
  return clean
}

function pageOf(document: Document): Record<string, unknown> {
  return (document.defaultView ?? globalThis) as unknown as Record<string, unknown>
}

function elsewhere(document: Document): Document {
  return document.implementation.createHTMLDocument('')
}

/** Cuts so that the encoded slice keeps its length and no surrogate pair is torn apart. */
function sliceEnd(text: string, at: number): number {
  let size = 0
  let end = at
  while (end < text.length) {
    const character = String.fromCodePoint(text.codePointAt(end) as number)
    size += encodeURIComponent(character).length
    if (size > slice) break
    end += character.length
  }
  return end
}

interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { createScriptURL(url: string): string },
  ): { createScriptURL(url: string): string }
}
let policy: ((url: string) => string) | undefined

/** What makes an address into one that a script may have where the page demands Trusted Types; none if it forbids our policy. */
function trusted(): ((url: string) => string) | undefined {
  if (policy) return policy
  const types = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes
  if (!types) return url => url
  try {
    const made = types.createPolicy('throughline', { createScriptURL: url => url })
    policy = url => made.createScriptURL(url)
  } catch {
    return undefined
  }
  return policy
}
