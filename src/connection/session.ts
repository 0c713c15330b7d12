import type { Dialect, Incoming, Meaning, Position } from '../dialects/dialect.ts'

/** Where a line stands in its stream: takes blocks, drops what came before, keeps the cursor. */
export interface Session {
  readonly position: Position
  /** How many things were taken that were new: messages, gaps, and what the server answered. */
  readonly taken: number
  /** What the block means here. What has been delivered already means nothing. */
  take(block: Incoming): Meaning
  /** The session that is asked for, and sent in, from now on. */
  enter(session: string): void
  /** A new pipe: what it repeats of earlier ones is to be dropped. */
  reopened(): void
  /** The server no longer knows the session; the cursor stays. */
  forget(): void
  /** Nobody can be told the position: the next pipe begins where it likes. */
  restart(): void
}

/** How many messages are compared with what a server without our wire repeats after a reconnect. */
const remembered = 1_000

/** A greeting is none: a server that does not know the session greets each time. */
const news: ReadonlySet<Meaning['type']> = new Set(['message', 'gap', 'ack', 'answer', 'reply'])

export function createSession(dialect: Dialect, lastEventId: string): Session {
  const position: { -readonly [Key in keyof Position]: Position[Key] } = {
    cursor: lastEventId,
    session: undefined,
  }
  let taken = 0
  const delivered = new Map<string, unknown>()
  let before = new Map<string, unknown>()

  return {
    position,
    get taken() {
      return taken
    },
    take(block) {
      const meaning = dialect.read(block, position)
      if ('cursor' in meaning && meaning.cursor !== undefined) {
        if (meaning.type === 'message' && !dialect.overlaps && isRepeated(meaning.cursor, meaning.data))
          return { type: 'nothing' }
        if (meaning.type === 'gap') position.left = position.cursor
        // A pipe's welcome names where the pipe starts, which may be behind what another one has brought since.
        if (meaning.type !== 'open' || position.cursor === '') position.cursor = meaning.cursor
      }
      if (news.has(meaning.type)) taken++
      return meaning
    },
    enter(session) {
      position.session = session
    },
    reopened() {
      before = new Map(delivered)
    },
    forget() {
      position.session = undefined
    },
    restart() {
      position.cursor = ''
    },
  }

  /**
   * Some scripts replay all they have at each request. The same id with the same data, heard on an earlier pipe, is such a
   * replay; the same id with other data is not, since a server may begin to count anew.
   */
  function isRepeated(id: string, data: unknown): boolean {
    if (id === '') return false
    if (before.has(id) && before.get(id) === data) return true
    delivered.delete(id)
    delivered.set(id, data)
    if (delivered.size > remembered) delivered.delete(delivered.keys().next().value as string)
    return false
  }
}
