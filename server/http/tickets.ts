import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { refusal } from '../http-error.ts'

/** What a ticket stands for: the token that `authorize` would be shown, or whom the application made it for. */
export interface Ticket {
  readonly token?: string
  readonly principal?: string
}

/** Stands in an address in place of a credential: sealed, so that nothing is kept until it is used, and good for one use within a short time. */
export interface Tickets {
  make(ticket: Ticket): string
  /** Rejects with a refusal for what is no ticket of ours, is too old, or was used. */
  use(text: string): Promise<Ticket>
  /** From now on other nodes may take the tickets that are made here, and these theirs, as soon as there is something in common. */
  share(common: () => Shared | undefined): void
}

/** What nodes have in common. */
interface Shared {
  /** A key that all of them have, for one use. */
  secret(use: string): Buffer
  /** Whether no node was asked this of the name before, within so many ms. */
  isFirst(name: string, lasts: number): Promise<boolean>
}

/** Long enough for the request that it is fetched for, short for whoever finds it in a log. In ms. */
export const life = 30_000

/** Nonce and tag of AES-GCM, in bytes (NIST SP 800-38D, 5.2.1.1 and 5.2.1.2). */
const nonceBytes = 12
const tagBytes = 16

/** `key`: a text that all nodes share where they have nothing else in common. `most`: how many used ones are remembered. */
export function createTickets(key: string | undefined, most: number): Tickets {
  const own = key === undefined ? randomBytes(32) : createHash('sha256').update(key).digest()
  const used = new Map<string, number>() // until when; nearly in this order
  let common: Parameters<Tickets['share']>[0] = () => undefined
  return {
    make,
    use,
    share(next) {
      common = next
    },
  }

  /** The newest first: a node makes tickets before it has found the others, too. */
  function secrets(): readonly Buffer[] {
    const shared = key === undefined ? common()?.secret('tickets') : undefined
    return shared ? [shared, own] : [own]
  }

  function make(ticket: Ticket): string {
    const nonce = randomBytes(nonceBytes)
    const cipher = createCipheriv('aes-256-gcm', secrets()[0] as Buffer, nonce)
    const text = JSON.stringify({ ...ticket, until: Date.now() + life })
    const sealed = [cipher.update(text), cipher.final(), cipher.getAuthTag()]
    return Buffer.concat([nonce, ...sealed]).toString('base64url')
  }

  async function use(text: string): Promise<Ticket> {
    const { until, ...ticket } = unseal(text)
    const now = Date.now()
    if (until <= now) throw refused('is too old')
    // Several texts of base64url stand for the same bytes.
    const name = Buffer.from(text, 'base64url').subarray(0, nonceBytes).toString('base64url')
    if (used.has(name)) throw refused('was used')
    forget(now)
    // A used ticket that is forgotten too early could be used again.
    if (used.size >= most) throw refusal(503, 'too many tickets were used just now', 1, 'busy')
    used.set(name, until)
    if ((await common()?.isFirst(`ticket ${name}`, until - now)) === false) throw refused('was used')
    return ticket
  }

  function forget(now: number): void {
    for (const [name, until] of used) {
      if (until > now) break
      used.delete(name)
    }
  }

  function unseal(text: string): Ticket & { until: number } {
    const bytes = Buffer.from(text, 'base64url')
    for (const secret of secrets()) {
      try {
        return opened(bytes, secret)
      } catch {
        // Another one may have sealed it.
      }
    }
    throw refused('is not one of this server’s; its nodes need the same ticketKey')
  }
}

function opened(bytes: Buffer, secret: Buffer): Ticket & { until: number } {
  const cipher = createDecipheriv('aes-256-gcm', secret, bytes.subarray(0, nonceBytes), {
    authTagLength: tagBytes,
  })
  cipher.setAuthTag(bytes.subarray(-tagBytes))
  const sealed = bytes.subarray(nonceBytes, -tagBytes)
  return JSON.parse(Buffer.concat([cipher.update(sealed), cipher.final()]).toString())
}

/** The refusal holds for this transport alone: another one may need no ticket. */
function refused(what: string): object {
  return { ...refusal(401, `the ticket ${what}`), only: true }
}
