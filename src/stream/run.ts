import { longestAway, readRetryAfter } from '../contracts/failure.ts'
import { mediaType } from '../transports/http/whole-body-reader.ts'
import type { Block } from '../wire/block.ts'
import { largest } from '../wire/codec.ts'
import { createParser } from '../wire/parser.ts'
import type { StreamEvent } from './event.ts'
import { type Ending, type Life, next, type Signal, type Terms } from './life.ts'
import type { Plan } from './request.ts'
import { type Head, type Reading, read } from './response.ts'
import { watchFor } from './watch.ts'

/** What is asked, and how. */
export interface Course extends Pick<Terms, 'retries'> {
  readonly plan: Plan
  readonly by: Reading
  /** How long nothing may come, in ms. */
  readonly timeout: number
  /** Whether an event is the last one. */
  readonly until: string | ((event: StreamEvent) => boolean) | undefined
}

/** What hears of it. */
export interface Listener {
  /** A head came, of a stream or of what is none. */
  headed(head: Head): void
  /** It was that of a stream. `resumed`: the answer goes on. */
  opened(resumed: boolean): void
  /** Something came, be it an event or not. */
  alive(): void
  heard(event: StreamEvent): void
  /** It broke off, and is asked again in so many ms. */
  paused(failure: Ending, after: number): void
  /** Without a failure all of it came. */
  over(failure?: Ending): void
  /** A function of the page's threw, or what it asks for cannot be. */
  threw(cause: unknown): void
}

/** How long a server may take over what it says in place of a stream, in ms, and how much is kept of it, in characters. */
const wordsWithin = 10_000
const mostWords = 65_536

/** A request under way. */
export interface Running {
  /** The last id that the server gave; empty if it gave none. */
  readonly lastEventId: string
  /** Wants no more of it. */
  stop(): void
}

/** Asks, and reads the answer to its end. */
export function run(course: Course, listener: Listener): Running {
  const { plan, by, timeout, until } = course
  let life: Life = { name: 'asking', tries: 0 }
  let began = false
  let came = false
  let id = ''
  /** What the server asks its clients to wait before they come back, in ms. */
  let retry = 1_000
  /** Ends the request, or the wait. */
  let stop = () => {}
  const terms: Terms = {
    safe: plan.safe,
    resumes: plan.resumes,
    retries: course.retries,
    until: until !== undefined,
    began: () => began,
    came: () => came,
    id: () => id,
    pause: tries => Math.min(retry * 2 ** tries, Math.max(retry, 30_000)) * (1 + Math.random() / 2),
  }
  enter()
  return {
    get lastEventId() {
      return id
    },
    stop: () => signal({ type: 'finished' }),
  }

  function signal(what: Signal): void {
    const before = life
    life = next(before, what, terms)
    if (life.name !== before.name) enter()
  }

  /** Makes true what the state says. */
  function enter(): void {
    if (life.name === 'reading') return
    stop()
    stop = () => {}
    if (life.name === 'over') return listener.over(life.failure)
    if (life.name !== 'waiting') return void ask().catch(threw)
    const { after, failure } = life
    const due = () => signal({ type: 'due' })
    const timer = setTimeout(due, after)
    // A network that is back shortens a pause of our own, and not what the server asked for.
    if (failure.retryAfter === undefined) globalThis.addEventListener?.('online', due)
    stop = () => {
      clearTimeout(timer)
      globalThis.removeEventListener?.('online', due)
    }
    // Last, since who hears it may end it.
    listener.paused(failure, after)
  }

  function threw(cause: unknown): void {
    if (life.name === 'over') return
    stop()
    life = { name: 'over' }
    listener.threw(cause)
  }

  async function ask(): Promise<void> {
    let wanted = true
    stop = () => {
      wanted = false
    }
    const asked = await plan.ask(began ? id : undefined)
    if (!wanted) return
    const parser = createParser({ limit: largest, bom: by === 'fetch' })
    /** What the server says in place of a stream. */
    let refusal: Ending | undefined
    let words = ''
    let timer: ReturnType<typeof setTimeout> | undefined
    const refuse = () => signal({ type: 'refused', ending: { ...(refusal as Ending), body: words } })
    // Of what was answered already nothing is in doubt, however the rest of the words ends.
    const lost = (ending: Ending) => (refusal ? refuse() : signal({ type: 'lost', ending }))
    const watch = watchFor(timeout, () => lost({ kind: 'silent' }))
    let end = () => {}
    // Before anything is sent, which may throw.
    stop = () => {
      clearTimeout(timer)
      watch.stop()
      end()
    }
    end = read(by, asked, {
      head(head) {
        watch.alive()
        listener.headed(head)
        refusal = refusalOf(head)
        // To an answer that has begun it says that there is no more of it.
        if (began && head.status === 204) return signal({ type: 'ended' })
        if (refusal) timer = setTimeout(refuse, wordsWithin)
        else {
          signal({ type: 'answered' })
          listener.opened(began)
        }
      },
      text(piece) {
        watch.alive()
        if (!refusal) return take(piece)
        words = (words + piece).slice(0, mostWords)
        if (words.length === mostWords) refuse()
      },
      ended: () => (refusal ? refuse() : signal({ type: 'ended' })),
      threw,
      lost: cause => lost({ kind: 'cut', cause }),
    })

    function take(piece: string): void {
      came = true
      listener.alive()
      try {
        parser.feed(piece, { push: hear })
      } catch (cause) {
        threw(cause)
      }
    }
  }

  function hear({ id: given = id, event = 'message', data, retry: told = retry, oversized }: Block): void {
    if (life.name !== 'reading') return
    id = given
    retry = Math.min(told, longestAway)
    if (oversized) return signal({ type: 'finished', failure: { kind: 'too-large' } })
    began ||= data !== undefined || id !== ''
    if (data === undefined) return
    signal({ type: 'progress' })
    if (data === until) return signal({ type: 'finished' })
    const heard = { event, data, id }
    listener.heard(heard)
    if (typeof until === 'function' && until(heard)) signal({ type: 'finished' })
  }
}

/** What is no event stream: another status, or another type (WHATWG HTML, 9.2.3). */
function refusalOf({ status, header }: Head): Ending | undefined {
  if (status !== 200) return { kind: 'status', status, retryAfter: readRetryAfter(header('Retry-After')) }
  return mediaType(header('Content-Type')) === 'text/event-stream' ? undefined : { kind: 'content', status }
}
