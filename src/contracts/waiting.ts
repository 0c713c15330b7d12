/** What may wait to go up, and how long. */
export interface Waiting {
  /** So many messages. */
  readonly messages: number
  /** So many bytes of them together, as UTF-8; no single one may be larger. */
  readonly bytes: number
  /** So many ms. */
  readonly age: number
}

export const usualWaiting: Waiting = { messages: 10_000, bytes: 2 ** 20, age: 120_000 }
