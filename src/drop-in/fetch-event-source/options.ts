import type { AnyResponse, AnyURL, FetchFunction, FetchInit } from '../../here.ts'
import type { Resumption } from '../../stream/resumption.ts'

/** One message. */
export interface EventSourceMessage {
  /** The id that came with it; empty if none did. */
  id: string
  /** Its name; empty if it has none. */
  event: string
  /** Its text. */
  data: string
  /** How long to wait before the next request, in ms, if the server said it with this message. */
  retry?: number
}

/** Options of `fetchEventSource()`: what `fetch` takes, and these. */
export interface FetchEventSourceInit extends Omit<FetchInit, 'headers'> {
  /** They go along with each request. */
  headers?: Record<string, string>
  /** Is given each answer before anything of it is read. What it throws goes to `onerror`. @default one that takes event streams alone */
  onopen?: (response: AnyResponse) => Promise<void>
  /** Is given each message. What it throws goes to `onerror`. */
  onmessage?: (message: EventSourceMessage) => void
  /** The answer came to its end. If it throws, that goes to `onerror` and counts as a failure; otherwise the promise resolves. */
  onclose?: () => void
  /**
   * Something failed. A number is after how many ms the request is sent again, whatever it is. With nothing, what is a GET is sent again, and what is not
   * goes on by `resume`, or rejects. What it throws the promise rejects with.
   */
  // biome-ignore lint/suspicious/noExplicitAny: as the original has it
  // biome-ignore lint/suspicious/noConfusingVoidType: as the original has it
  onerror?: (error: any) => number | null | undefined | void
  /** Taken, and without effect: a tab that is hidden changes nothing. */
  openWhenHidden?: boolean
  /** @default the place's own */
  fetch?: FetchFunction
  /** Where an answer that broke off goes on, if its server gives ids: a GET with `Last-Event-ID`. A function is given the id. */
  resume?: string | AnyURL | ((id: string) => Resumption | Promise<Resumption>)
}
