import { type History, isId, readPlace } from '../log/log.ts'
import type { Settings } from '../options.ts'
import { ackedForSure } from '../sessions/acknowledgement.ts'
import { type Connection, fromLive, fromLog, isOver, topicsOf } from '../sessions/session.ts'
import type { Piece } from '../wire/batch.ts'
import { gapBlock, openBlock } from '../wire/control-events.ts'
import type { Fanout } from './fanout.ts'

/** Where a line begins. */
export interface Start {
  /** The id after which it goes on. */
  cursor: string | undefined
  /**
   * The private topic of a session that was asked for and is not known here. What was sent there after the cursor is
   * delivered if the log has it, as one has that several nodes share; else it is lost.
   */
  lost: string | undefined
  /** Whether the channel begins with `rt.open`. */
  welcome: boolean
}

/** Brings lines from where they begin to the present. */
export interface CatchUp {
  /** Says the first block. */
  begin(connection: Connection, start: Start): Promise<History>
  /**
   * Reads on, page by page as the channel takes them, until there is no more; from then on the line is live, or it is over.
   * Without a first page it waits for the channel first. `lost`: see `Start`.
   */
  goOn(connection: Connection, first?: History, lost?: string): Promise<void>
  /** Lets a line read anew, wherever it is: something was missed. */
  again(connection: Connection): Promise<void>
  /** How many losses were told so far. */
  readonly gaps: number
}

/** `spread` tells the current one, in ms. */
export function createCatchUp(settings: Settings, fanout: Fanout, spread: () => number): CatchUp {
  const { log, limits, heartbeat, retry } = settings

  let latest: Connection['at'] | undefined
  let gaps = 0

  return {
    begin,
    goOn,
    again,
    get gaps() {
      return gaps
    },
  }

  async function begin(connection: Connection, { cursor, lost, welcome }: Start): Promise<History> {
    const history = await read(connection, cursor, lost)
    if (welcome) fanout.queue(connection, open(connection, history, cursor))
    return history
  }

  async function goOn(connection: Connection, first?: History, lost?: string): Promise<void> {
    let history = first
    let told = history ? tell(connection, history, -1) : -1
    while ((!history || history.more || connection.feed.from === 'log') && !isOver(connection)) {
      connection.feed = fromLog
      fanout.flush(connection)
      await connection.channel.drained()
      if (isOver(connection)) return
      history = await read(connection, connection.at.id, lost)
      told = tell(connection, history, told)
    }
    goLive(connection)
  }

  async function again(connection: Connection): Promise<void> {
    if (connection.feed.from === 'live') await goOn(connection)
    else if (connection.feed.from === 'both') connection.feed = fromLog // what is on its way may be of before
  }

  /** Listens first, then reads: what is published between falls into neither hole, and what comes twice has a number. */
  async function read(connection: Connection, cursor: string | undefined, lost?: string): Promise<History> {
    connection.feed = { from: 'both', early: [] }
    // Most sessions were never addressed: those who hear the same topics ask the same.
    const topics = connection.member.addressed ? topicsOf(connection) : connection.topics
    return log.after(cursor, lost === undefined ? topics : [...topics, lost])
  }

  function open({ member }: Connection, { start, gap }: History, cursor: string | undefined): Piece {
    // Whoever is cut off between this and the gap comes back with the same cursor, and is told again.
    const id = cursor !== undefined && isId(cursor) ? cursor : start
    const { message, batch, messages } = limits
    return openBlock(id, retry, {
      session: member.session.id,
      resumed: cursor !== undefined && !gap,
      acked: ackedForSure(member),
      heartbeat,
      spread: spread(),
      limits: { message, batch, messages },
    })
  }

  /** Gives back up to where the line knows of losses: a gap that spans several pages is told once. */
  function tell(connection: Connection, { start, gap, entries }: History, told: number): number {
    const lost = gap ? seqOf(gap.to) : -1
    const isNews = gap !== undefined && (gap.reason !== 'trimmed' || lost > told)
    if (isNews) {
      gaps++
      fanout.queue(connection, gapBlock(start, gap))
    }
    connection.at = placeAt(start)
    for (const entry of entries) fanout.give(connection, entry)
    return isNews ? lost : told
  }

  /** Most lines begin at the newest message, which is the same for many. */
  function placeAt(id: string): Connection['at'] {
    if (latest?.id !== id) latest = { id, seq: seqOf(id) }
    return latest
  }

  function goLive(connection: Connection): void {
    if (connection.feed.from !== 'both') return
    const { early } = connection.feed
    connection.feed = fromLive
    for (const entry of early) fanout.give(connection, entry)
  }
}

function seqOf(id: string): number {
  return readPlace(id)?.seq ?? 0
}
