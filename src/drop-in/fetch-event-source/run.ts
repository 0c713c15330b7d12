import type { FetchFunction } from '../../here.ts'
import { StreamError } from '../../stream/error.ts'
import type { Block } from '../../wire/block.ts'
import { createParser } from '../../wire/parser.ts'
import { pauseOf } from '../event-source/life.ts'
import { type Life, next, type Signal } from './life.ts'
import type { FetchEventSourceInit } from './options.ts'
import type { Asked, Plan } from './request.ts'

/** What is asked, and what hears of it. */
interface Course {
  readonly plan: Plan
  readonly onmessage: FetchEventSourceInit['onmessage']
  readonly onclose: FetchEventSourceInit['onclose']
  readonly onerror: FetchEventSourceInit['onerror']
  readonly own: FetchFunction | undefined
  readonly onopen: NonNullable<FetchEventSourceInit['onopen']>
}

/** How long to wait for the server until it says otherwise, in ms, as the original does. */
const usualRetry = 1_000

/** Asks, reads the answer, and asks again where that may be. `over` is called once. Gives back what ends it. */
export function run(course: Course, over: (failure?: { readonly error: unknown }) => void): () => void {
  const { plan, own, onopen, onmessage, onclose, onerror } = course
  let life: Life = { name: 'asking', tries: 0, by: 'request' }
  let id: string | undefined
  let retry = usualRetry
  /** What the network did last, which is not what the page threw. */
  let broken: StreamError | undefined
  /** Ends the request, or the wait. */
  let stop = () => {}
  const terms = {
    safe: plan.safe,
    resumes: () => plan.resumes && Boolean(id),
    pause: (tries: number) => pauseOf(retry, tries),
  }
  enter()
  return () => signal({ type: 'over' })

  function signal(what: Signal): void {
    const before = life
    life = next(before, what, terms)
    if (life.name !== before.name && life.name !== 'reading') enter()
  }

  /** Makes true what the state says. */
  function enter(): void {
    stop()
    if (life.name === 'asking') ask(life.by === 'resume')
    if (life.name === 'waiting') {
      // A longer time than a timer can hold would be over at once.
      const timer = setTimeout(() => signal({ type: 'due' }), Math.min(life.after, 2 ** 31 - 1))
      stop = () => clearTimeout(timer)
    }
    if (life.name === 'over') over(life.failure)
  }

  function ask(goesOn: boolean): void {
    const gone = new AbortController()
    stop = () => gone.abort()
    attempt(gone.signal, goesOn).catch(error => {
      if (gone.signal.aborted) return
      let said: number | undefined
      try {
        said = onerror?.(error) ?? undefined
      } catch (error) {
        return endWith(error)
      }
      signal({ type: 'failed', error, lost: error === broken, said })
    })
  }

  async function attempt(gone: AbortSignal, goesOn: boolean): Promise<void> {
    const [target, init] = goesOn ? await plan.onward(id ?? '').catch(giveUp) : plan.again(id)
    if (gone.aborted) return
    const response = await answerTo([target, { ...init, signal: gone }], goesOn)
    if (gone.aborted) return
    // To an answer that has begun it says that there is no more of it.
    if (!goesOn || response.status !== 204) {
      await onopen(response)
      if (gone.aborted) return
      signal({ type: 'answered' })
      await hear(response, goesOn || plan.safe, gone)
      if (gone.aborted) return
    }
    onclose?.()
    signal({ type: 'over' })
  }

  async function answerTo([target, init]: Asked, goesOn: boolean): Promise<Response> {
    try {
      // Called as a function: the browser's own minds whose method it is.
      const ask = (own ?? fetch) as typeof fetch
      return await ask(target, init)
    } catch (cause) {
      if (!own) check(target, init)
      throw unanswered(goesOn || plan.safe, cause)
    }
  }

  /** The rejection alone does not tell a request that cannot be sent from one that was. */
  function check(target: RequestInfo, { body = null, ...init }: RequestInit): void {
    try {
      // A body that was sent cannot be read again.
      const isSpent = body !== null && typeof body === 'object' && 'getReader' in body
      new Request(typeof target === 'object' && 'url' in target ? target.url : target, {
        ...init,
        body: isSpent ? null : body,
      })
    } catch (impossible) {
      giveUp(impossible)
    }
  }

  async function hear({ body }: Response, safe: boolean, gone: AbortSignal): Promise<void> {
    const reader = body?.getReader()
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    const parser = createParser({ limit: Infinity })
    for (let came = false; ; came = true) {
      const { done = true, value } = (await reader?.read().catch(failedAt)) ?? {}
      if (gone.aborted) return
      // A browser takes a head that broke off for a whole one, and what follows for the end of it.
      if (done && !came && !safe) throw unanswered(safe)
      if (done) return
      for (const block of parser.feed(decoder.decode(value, { stream: true }))) {
        if (gone.aborted) return
        take(block)
      }
    }
  }

  function failedAt(cause: unknown): never {
    throw failure('cut', `${plan.where} broke off`, cause)
  }

  function take({ id: given, event, data, retry: told }: Block): void {
    id = given ?? id
    retry = told ?? retry
    if ((data ?? event) === undefined) return
    signal({ type: 'progress' })
    const more = told === undefined ? {} : { retry: told }
    onmessage?.({ id: given ?? '', event: event ?? '', data: data ?? '', ...more })
  }

  /** For what the page gave and cannot be: nobody was asked, and nobody is asked again. */
  function giveUp(error: unknown): never {
    endWith(error)
    throw error
  }

  function endWith(error: unknown): void {
    signal({ type: 'over', failure: { error } })
  }

  function unanswered(safe: boolean, cause?: unknown): StreamError {
    const { where, method } = plan
    return safe
      ? failure('refused', `${where} did not answer`, cause)
      : failure(
          'IN_DOUBT',
          `IN_DOUBT: ${where} did not answer the ${method}; what was asked may or may not be done`,
          cause,
        )
  }

  function failure(kind: StreamError['kind'], message: string, cause: unknown): StreamError {
    broken = new StreamError(message, { kind, cause }, { received: [], lastEventId: id ?? '' })
    return broken
  }
}
