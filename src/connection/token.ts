import type { Environment } from '../environment.ts'

/** A token, or one with the seconds that it is good for, as OAuth's `expires_in` has them (RFC 6749, 5.1). */
export type TokenGiven = string | { readonly token: string; readonly expiresIn?: number | undefined }

/** The page's credential: asked for when it is first needed, once more when the server no longer takes it, and before it expires. */
export interface Token {
  readonly value: string | undefined
  /** Settles when there is one. Rejects with what the page's function threw, or with a TypeError when it gave no text. */
  ready(): Promise<void>
  /** The server did not take it. Whether asking for a new one is worth it: once, until one has been taken. */
  refused(): boolean
  taken(): void
  /** Asks for no fresh one any more before the old one expires. */
  stop(): void
}

/** A fresh token is asked for so long before the old one expires, or at nine tenths of its life if that is later, in ms. */
const ahead = 30_000

/** It is not asked for sooner than this after the old one came, in ms: by a clock that is wrong each token seems to expire at once. */
const soonest = 30_000

/** How long to wait after asking ahead of time has failed, in ms; twice as long each time. */
const firstPause = 2_000

export function createToken(ask: () => TokenGiven | Promise<TokenGiven>, environment: Environment): Token {
  let value: string | undefined
  let renewals = 0
  let latest: unknown // the question that was asked last
  let asking: Promise<void> | undefined // ahead of time
  let timer: unknown // null: it is asked for ahead of time no more
  return {
    get value() {
      return value
    },
    async ready() {
      if (value !== undefined) return
      // Whoever comes a second time has waited for it in vain, and asks by itself.
      const given = asking ?? get()
      asking = undefined
      await given
    },
    refused() {
      value = undefined
      environment.clearTimeout(timer)
      timer = undefined
      return renewals++ === 0
    },
    taken() {
      renewals = 0
    },
    stop() {
      environment.clearTimeout(timer)
      timer = null
    },
  }

  async function get(): Promise<void> {
    const question = {}
    latest = question
    const given = await ask()
    const { token = given, expiresIn } = Object(given)
    if (typeof token !== 'string')
      throw new TypeError(
        `it gave ${token === null ? 'null' : `a value of type ${typeof token}`}; it has to give a string, or { token }`,
      )
    // Meanwhile another one may have been asked for.
    if (latest !== question) return
    value = token
    const life = expiresIn * 1_000 || lifeOf(token)
    const after = life - Math.min(ahead, life / 10)
    if (after >= soonest) renewIn(after, firstPause)
  }

  function renewIn(ms: number, pause: number): void {
    if (value && timer !== null) timer = environment.setTimeout(() => renew(pause), ms)
  }

  /** The old token is used until there is a fresh one, or the server refuses it. */
  function renew(pause: number): void {
    asking = get()
    void asking
      .catch(() => renewIn(pause, pause * 2))
      .then(() => {
        asking = undefined
      })
  }
}

/** How long a JWT is good for by the clock of this place, in ms (`exp`, RFC 7519, 4.1.4); NaN for what is none. Nothing of it is verified. */
function lifeOf(token: string): number {
  try {
    const [, payload] = token.split('.') as [string, string]
    return JSON.parse(atob(payload.replace(/-/g, '+').replace(/_/g, '/'))).exp * 1_000 - Date.now()
  } catch {
    return Number.NaN
  }
}
