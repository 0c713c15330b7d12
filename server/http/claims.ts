/** A request that has asked for rights, or is asking, and is not done with them. */
export interface Claim {
  /** The principals whose rights were withdrawn since `authorize` was called for it. */
  withdrawn: Set<string> | undefined
}

/** The requests that use rights just now, so that rights can be withdrawn from them too. */
export interface Claims {
  open(): Claim
  close(claim: Claim): void
  /** The rights of this principal that `authorize` gave, or is about to give, count no longer. */
  withdraw(principal: string): void
}

export function createClaims(): Claims {
  const claims = new Set<Claim>()
  return {
    open() {
      const claim: Claim = { withdrawn: undefined }
      claims.add(claim)
      return claim
    },
    close: claim => void claims.delete(claim),
    withdraw(principal) {
      for (const claim of claims) claim.withdrawn = (claim.withdrawn ?? new Set()).add(principal)
    },
  }
}
