/** The page's credential: asked for when it is first needed, and once more when the server no longer takes it. */
export interface Token {
  readonly value: string | undefined
  /** Settles when there is one. Rejects with what the page's function threw. */
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
      value ??= await ask()
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
