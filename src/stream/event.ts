/** One event of an answer. */
export interface StreamEvent {
  /** Its name; `message` if the server gave none. */
  readonly event: string
  /** Its text. */
  readonly data: string
  /** The last id that the server gave; empty if it gave none. */
  readonly id: string
}
