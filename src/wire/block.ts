/**
 * One block of an event stream: the lines up to a blank line, read. A field the block did not have is `undefined`. The keys of
 * the first three are always there; the others, which few blocks have, would make every block larger by a third.
 */
export interface Block {
  /** As it came. `''` means "forget the position"; an id holding NUL was ignored and is `undefined`. */
  id: string | undefined
  /** The name of the event; an empty `event` field counts as none. */
  event: string | undefined
  /** The data lines, joined with LF: `undefined` without any, `''` for a single empty one. */
  data: string | undefined
  /** Milliseconds, a safe integer. */
  retry?: number | undefined
  /** It was larger than the limit: its data is not kept, and was not empty. */
  oversized?: true
  /** Our own field `enc`: how to read `data` (see payload.ts). */
  encoding?: string | undefined
  /** Our own field `topic`: whose stream `id` is a place in. */
  topic?: string | undefined
  /** Our own field `type`: what `data` stands for, `json` for a value; without it, text or bytes. */
  type?: string | undefined
  /** Our own field `re`: the number of the message that this answers, and its session; upward, `answer` where one is asked for. */
  re?: string | undefined
}
