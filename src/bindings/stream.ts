import type { AnyURL } from '../here.ts'
import type { Answer } from '../stream/answer.ts'
import type { StreamEvent } from '../stream/event.ts'
import type { AnswerOptions } from '../stream/request.ts'
import { stream } from '../stream.ts'
import { createStore, isOwn, listen, type Store, same } from './store.ts'

/** What is asked in a component, and when. */
export interface StreamOptions extends AnswerOptions {
  /** `true`: nothing is asked before `start()`. @default false for a GET; what is not a GET always waits for `start()` */
  manual?: boolean | undefined
}

/**
 * What a request does.
 *
 * | | |
 * |---|---|
 * | `idle` | nothing was asked |
 * | `asking` | no answer has come yet, or it broke off and is asked again |
 * | `streaming` | the answer comes |
 * | `done` | all of it came |
 * | `stopped` | the page has stopped it: what came is what there is |
 * | `failed` | it is not whole, and `error` says why |
 */
export type StreamStatus = 'idle' | 'asking' | 'streaming' | 'done' | 'stopped' | 'failed'

/** An answer as far as it has come. */
export interface StreamSnapshot {
  /** The data of all its events in one. */
  readonly text: string
  /** Its events. The same array until there is another one. */
  readonly events: readonly StreamEvent[]
  /** What the request does. */
  readonly status: StreamStatus
  /** A `StreamError`, what `signal` was aborted with, or what a function of the page's threw; also why it broke off, while it is asked again. */
  readonly error: unknown
  /**
   * Asks, with these options in place of the others; an answer that still comes is stopped. Gives the answer, and `undefined` once the component is gone, or
   * where there is no URL: nothing is asked then.
   *
   * @throws {TypeError} naming a URL or an option that cannot be
   */
  readonly start: (options?: AnswerOptions) => Answer | undefined
  /** Wants no more of it. */
  readonly stop: () => void
}

/** Whether a request may be sent without anybody asking for it. */
export function isAutomatic({ manual, method, body }: StreamOptions): boolean {
  return !manual && (method === undefined ? body === undefined : /^(get|head)$/i.test(method))
}

type Told = Pick<StreamSnapshot, 'text' | 'events' | 'status' | 'error'>

const nothing: Told = { text: '', events: [], status: 'idle', error: undefined }

/** The answer to a request, asked for as long as somebody wants it. `options`: the newest ones. */
export function streamStore(
  url: string | AnyURL | null | undefined,
  automatic: boolean,
  options: () => StreamOptions,
): Store<StreamSnapshot> {
  let answer: Answer | undefined
  let told = nothing
  /** While somebody subscribes. */
  let stir: (() => void) | undefined
  return createStore<StreamSnapshot>({ ...nothing, start, stop }, stirNow => {
    stir = stirNow
    if (automatic) start()
    return {
      read(last) {
        if (answer) told = withNews(told, answer)
        return same(last, { ...told, start, stop })
      },
      end() {
        stir = undefined
        answer?.close()
        answer = undefined
        told = nothing
      },
    }
  })

  function start(more?: AnswerOptions): Answer | undefined {
    if (!stir || url == null) return undefined
    const { manual: _, ...usual } = options()
    const asked = stream(url, { ...usual, ...more })
    answer?.close()
    answer = asked
    told = { ...nothing, status: 'asking' }
    follow(asked)
    stir()
    return asked
  }

  function stop(): void {
    if (!answer || answer.readyState === 2) return
    turn(answer, 'stopped')
    answer.close()
  }

  function follow(asked: Answer): void {
    listen(asked, {
      open: (event: object) => isOwn(event) && turn(asked, 'streaming'),
      // With `null` it is over, which `done` tells.
      error: (event: { error?: unknown; retryIn?: unknown }) =>
        isOwn(event) && event.retryIn !== null && turn(asked, 'asking', event.error),
    })
    asked.done.then(
      () => turn(asked, 'done'),
      error => turn(asked, 'failed', error),
    )
    void hear(asked, () => stir?.())
  }

  /** One that was stopped, or that another has taken the place of, has no more to say. */
  function turn(asked: Answer, status: StreamStatus, error?: unknown): void {
    if (answer !== asked || told.status === 'stopped') return
    told = { ...told, status, error }
    stir?.()
  }
}

function withNews(told: Told, { received }: Answer): Told {
  const news = received.slice(told.events.length)
  if (news.length === 0) return told
  const text = told.text + news.map(({ data }) => data).join('')
  return { ...told, text, events: [...told.events, ...news] }
}

/** Events have any names, so that no listener hears them all. */
async function hear(asked: Answer, stir: () => void): Promise<void> {
  try {
    for await (const _ of asked) stir()
  } catch {
    // `done` tells it.
  }
}
