import type { Granted } from './access.ts'
import type { Ask } from './ask.ts'
import type { Piece } from './batch.ts'
import { beatBlock, byeBlock, pongBlock } from './blocks.ts'
import { createCatchUp, type Start } from './catch-up.ts'
import { createFanout } from './fanout.ts'
import type { Entry } from './log.ts'
import { fromLog, isOver, type Line, type Member, settled } from './member.ts'
import type { Settings } from './options.ts'
import { ignore, type Pipe } from './pipes/pipe.ts'
import { privateTopic, type Sessions } from './sessions.ts'

/** What is known of a line before it opens. */
export interface Opening extends Start {
  member: Member
  address: string
  topics: readonly string[]
}

/** All lines of a hub. */
export interface Lines {
  /** Finds the session or begins one. Throws a refusal when there are too many. */
  prepare(ask: Ask, granted: Granted): Opening
  /** Brings the line up to date and keeps it so, until its pipe is over. */
  open(pipe: Pipe, opening: Opening): Line
  /** The pipe is over, whoever ended it. */
  gone(line: Line): void
  /** Hands what was published to all who hear it. */
  deliver(entry: Entry): void
  /** Lets all read anew: something was published that was not handed over. */
  reread(): void
  /** Says something of the protocol's own. */
  say(line: Line, piece: Piece): void
  /** Says the last thing, and ends the pipe in good order. */
  end(line: Line, piece: Piece): void
  /** Answers an `rt.ping` that did not come over a pipe of its own. */
  pong(member: Member): void
  /** Milliseconds over which all should spread if they had to come back now. */
  spread(): number
  /** Ends a session whose client has said goodbye, and its pipes. */
  dismiss(member: Member): void
  /** Cuts the lines that are meant. */
  cut(which: (line: Line) => boolean): void
  /** Counts time, and gives a sign of life to those who have heard nothing. Called thrice in a `heartbeat`. */
  beat(): void
  /** Sends all away; they come back after `first` ms, so many in a second. Resolves when the last pipe is over. */
  farewell(first: number, perSecond: number): Promise<void>
}

interface Hooks {
  /** A session hears for the first time. */
  began(member: Member): void
  failed(error: unknown): void
}

/** Where a line is before it has read. */
const nowhereYet = { id: '', seq: 0 }

/** How long a pipe may take to end in good order, in ms. */
const grace = 1_000

/** How long a slow reader may take for what it was given, in thirds of a heartbeat. What came through by then counts. */
const patience = 12

export function createLines(settings: Settings, sessions: Sessions, hooks: Hooks): Lines {
  const { limits, admission } = settings
  const ending = new Set<Pipe>() // of those that have left
  const waiting: (() => void)[] = [] // for the last of them
  let toldSpread = 0
  const fanout = createFanout(limits.unsent, fallBehind)
  const catchUp = createCatchUp(settings, fanout, spread)

  return {
    prepare,
    open,
    gone,
    deliver: fanout.deliver,
    reread,
    say: fanout.queue,
    end,
    pong,
    spread,
    dismiss,
    cut,
    beat,
    farewell,
  }

  function prepare(ask: Ask, granted: Granted): Opening {
    const { sid, address, cursor, turn } = ask
    const known = sessions.find(ask, granted)
    return {
      member: known ?? sessions.begin(ask, granted),
      address,
      topics: granted.topics,
      cursor,
      lost: sid && !sessions.knows(sid) ? privateTopic(sid, granted.principal) : undefined,
      welcome: !known || turn === 0,
    }
  }

  function open(pipe: Pipe, opening: Opening): Line {
    const line = enter(pipe, opening)
    const first = catchUp.begin(line, opening)
    line.welcomed = first.then(ignore, ignore).then(() => {
      line.welcomed = settled
    })
    first
      .then(history => catchUp.goOn(line, history, opening.lost))
      .then(() => greet(line))
      .catch(error => fail(line, error))
    return line
  }

  function enter(pipe: Pipe, { member, address, topics }: Opening): Line {
    const line: Line = {
      pipe,
      member,
      topics,
      feed: fromLog,
      welcomed: settled,
      at: nowhereYet,
      queue: undefined,
      wrote: fanout.clock,
    }
    const [oldest] = member.lines
    if (oldest && member.lines.length >= limits.pipes) drop(oldest)
    Object.assign(member.session, { address, topics, transport: pipe.transport })
    sessions.enter(line)
    fanout.join(line)
    return line
  }

  function greet(line: Line): void {
    const { member } = line
    if (isOver(line)) return
    if (member.fresh) {
      member.fresh = false
      hooks.began(member)
    }
    if (member.pinged) pong(member)
    fanout.flush(line)
  }

  /** What a slow reader cannot take is not kept for it: it is read from the log when it can. */
  function fallBehind(line: Line): void {
    catchUp.goOn(line).catch(error => fail(line, error))
  }

  function reread(): void {
    for (const line of sessions.lines()) catchUp.again(line).catch(error => fail(line, error))
  }

  function fail(line: Line, error: unknown): void {
    drop(line)
    hooks.failed(error)
  }

  function pong(member: Member): void {
    const newest = member.lines.findLast(line => !isOver(line))
    member.pinged = !newest
    if (newest) fanout.queue(newest, pongBlock)
  }

  function spread(): number {
    return Math.round((sessions.open / admission) * 1000)
  }

  function beat(): void {
    fanout.clock++
    const now = spread()
    // Lines that are never quiet would go on with the spread of the day they opened.
    const news = Math.abs(now - toldSpread) > toldSpread / 4 + 100
    if (news) toldSpread = now
    const sign = beatBlock(now)
    for (const line of sessions.lines()) {
      const quiet = fanout.clock - line.wrote
      // Between two and three thirds of a heartbeat have passed.
      if (line.feed.from === 'live' && !line.pipe.once && (news || quiet > 2)) fanout.queue(line, sign)
      else if (line.feed.from === 'log' && quiet > patience) drop(line)
    }
  }

  function dismiss(member: Member): void {
    for (const line of member.lines) end(line, byeBlock(settings.retry))
    sessions.end(member)
  }

  function cut(which: (line: Line) => boolean): void {
    for (const line of sessions.lines()) if (which(line)) drop(line)
  }

  async function farewell(first: number, perSecond: number): Promise<void> {
    let delay = first
    for (const line of sessions.lines()) {
      end(line, byeBlock(Math.round(delay)))
      delay += 1000 / perSecond
    }
    const timer = setTimeout(() => {
      for (const pipe of ending) pipe.cut()
    }, grace)
    if (ending.size) await new Promise<void>(resolve => waiting.push(resolve))
    clearTimeout(timer)
  }

  function gone(line: Line): void {
    leave(line)
    ending.delete(line.pipe)
    if (!ending.size) for (const resolve of waiting.splice(0)) resolve()
  }

  function end(line: Line, piece: Piece): void {
    fanout.queue(line, piece)
    fanout.flush(line)
    line.pipe.end()
    leave(line)
  }

  function drop(line: Line): void {
    line.pipe.cut()
    leave(line)
  }

  function leave(line: Line): void {
    if (!sessions.leave(line)) return
    ending.add(line.pipe)
    fanout.leave(line)
  }
}
