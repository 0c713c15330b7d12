/**
 * Answers that come in pieces: of a language model, or of a job that takes long.
 *
 * @module throughline/stream
 */
import type { AnyURL } from './here.ts'
import { Answer } from './stream/answer.ts'
import { type AnswerOptions, planOf } from './stream/request.ts'
import { bestReading } from './stream/response.ts'

/**
 * Sends a request, and gives its answer as the events of it come.
 *
 * ```ts
 * import { stream } from 'throughline/stream'
 * const answer = stream('/ask', { method: 'POST', body: { question }, until: '[DONE]' })
 * for await (const { data } of answer) show(data)
 * ```
 * **What is not a GET is sent once.** If it is not answered the answer fails with the kind `IN_DOUBT`; if the answer breaks off it goes on by a GET where the
 * server gives ids and `resume` says where, and otherwise fails with what came. A tab that is hidden changes nothing.
 *
 * @param url where it is asked, relative to the page
 * @returns the answer, before anything of it has come
 * @throws {TypeError} naming a URL or an option that cannot be
 */
export function stream(url: string | AnyURL, options: AnswerOptions = {}): Answer {
  const by = bestReading()
  if (!by) throw new TypeError('stream: there is neither fetch nor XMLHttpRequest here')
  const { until, retries = 0, timeout = 300_000, signal } = options
  const plan = planOf(url, options)
  return new Answer({ plan, by, timeout, until, retries }, signal)
}

export { Answer } from './stream/answer.ts'
export { StreamError } from './stream/error.ts'
export type * from './stream/types.ts'
