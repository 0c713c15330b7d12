/** The page's credential: asked for when it is first needed, and once more when the server no longer takes it. */
export interface Token {
  readonly value: string | undefined
  /** Settles when there is one. Rejects with what the page's function threw, or with a TypeError when it gave no text. */
  ready(): Promise<void>
  /** The server did not take it. Whether asking for a new one is worth it: once, until one has been taken. */
  refused(): boolean
  taken(): void
}

export function createToken(ask: () => string | Promise<string>): Token {
  let value: string | undefined
  let renewals = 0
  return {
    get value() {
      return value
    },
    async ready() {
      if (value !== undefined) return
      const given: unknown = await ask()
      if (typeof given !== 'string')
        throw new TypeError(
          `it gave ${given === null ? 'null' : `a value of type ${typeof given}`}; it has to give a string`,
        )
      value ??= given
    },
    refused() {
      value = undefined
      return renewals++ === 0
    },
    taken() {
      renewals = 0
    },
  }
}
