/** What may wait to go up, and how long. */
export interface Waiting {
  readonly messages: number
  readonly bytes: number
  readonly age: number
}

export const usualWaiting: Waiting = { messages: 1_000, bytes: 2 ** 20, age: 120_000 }
