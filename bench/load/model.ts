/** How many nodes and Redises a load takes, computed from what single things were measured to cost. */
import { median } from '../numbers.ts'

/** What was measured. Times are of one processor, in µs; sizes are in bytes. */
export interface Costs {
  /** Redis, for each message that is published. */
  readonly redisPublish: number
  /** Redis, for each node that a message is told to. */
  readonly redisNotice: number
  /** A node, for each message that it publishes. */
  readonly publish: number
  /** A node, for each message that it hears, whether one of its lines hears it or many. */
  readonly heard: number
  /** A node, for each line that a message is brought to. */
  readonly delivered: number
  /** A node, for each message that is published and that none of its lines hears. */
  readonly unheard: number
  /** A node and Redis, for each topic that the node hears, each time that it looks whether it has missed something in it. */
  readonly look: number
  readonly redisLook: number
  /** A node, for each sign of life of an idle line. */
  readonly beat: number
  /** What an idle line occupies. */
  readonly line: number
  /** What a node occupies that has no lines. */
  readonly node: number
}

/** What is to be carried. */
export interface Load {
  readonly lines: number
  /** Messages a second that arrive at lines: one that a hundred hear counts a hundred times. */
  readonly delivered: number
  /** How many lines hear a message. */
  readonly fanout: number
}

/** What is taken for granted. Each is a line in docs/growing.md. */
export interface Assumptions {
  /** Seconds between two signs of life of a line. */
  readonly heartbeat: number
  /** Seconds between two looks of a node: `check` of `redisLog`. */
  readonly check: number
  /** Which part of its core a node and a Redis use at most: the rest is for those who come back, for rereading, and for bad moments. */
  readonly busy: number
  /** Lines that a node has at most: it has to let them in again, at 1,000 a second. */
  readonly linesOfNode: number
  /** Memory that lines of a node take at most, in bytes. */
  readonly memory: number
}

export const assumed: Assumptions = { heartbeat: 15, check: 1, busy: 0.6, linesOfNode: 25_000, memory: 1e9 }

export interface Size {
  readonly nodes: number
  readonly redises: number
  /** Messages that are published each second. */
  readonly published: number
  /** To how many nodes each of them is told. */
  readonly tellsNodes: number
  /** The part of its core that a node and a Redis use. */
  readonly nodeBusy: number
  readonly redisBusy: number
  /** What a node occupies, in bytes. */
  readonly memory: number
}

/** The medians of several rounds. What is not above zero in each of them cannot be told from zero, and is none. */
export function costsOf(rounds: readonly Costs[]): Costs {
  const [first] = rounds
  if (!first) throw new RangeError('there are no rounds')
  const middle = (name: keyof Costs) => {
    const all = rounds.map(costs => costs[name])
    return Math.min(...all) > 0 ? median(all) : 0
  }
  return Object.fromEntries(
    Object.keys(first).map(name => [name, middle(name as keyof Costs)]),
  ) as unknown as Costs
}

/** The fewest nodes that carry the load, and the fewest Redises with so many nodes. */
export function sizeOf(load: Load, costs: Costs, assumptions: Assumptions = assumed): Size {
  const { lines, delivered, fanout } = load
  const { heartbeat, check, busy, linesOfNode, memory } = assumptions
  const published = delivered / fanout
  const topics = lines / fanout
  const fits = (nodes: number) => nodeBusy(nodes) <= busy
  const least = Math.max(1, Math.ceil(lines / linesOfNode), Math.ceil((lines * costs.line) / memory))
  const nodes = fewest(least, fits)
  const tellsNodes = nodesThatHear(fanout, nodes)
  const allRedis =
    (published * (costs.redisPublish + tellsNodes * costs.redisNotice) +
      ((topics * tellsNodes) / check) * costs.redisLook) /
    1e6
  const redises = Math.max(1, Math.ceil(allRedis / busy))
  return {
    nodes,
    redises,
    published,
    tellsNodes,
    nodeBusy: nodeBusy(nodes),
    redisBusy: allRedis / redises,
    memory: costs.node + (lines / nodes) * costs.line,
  }

  /** More nodes hear more of what is published in all, but each of them less. */
  function nodeBusy(nodes: number): number {
    const share = nodesThatHear(fanout, nodes) / nodes
    const heard = published * share
    const work =
      (published / nodes) * costs.publish +
      heard * costs.heard +
      (published - heard) * costs.unheard +
      (delivered / nodes) * costs.delivered +
      ((topics * share) / check) * costs.look +
      (lines / nodes / heartbeat) * costs.beat
    return work / 1e6
  }
}

/** On how many of the nodes somebody hears a message, where it falls to chance which line is on which node. */
export function nodesThatHear(fanout: number, nodes: number): number {
  return nodes < Number.POSITIVE_INFINITY ? nodes * (1 - (1 - 1 / nodes) ** fanout) : fanout
}

/** The lowest number from `least` on that fits, where every higher one fits too; infinite if none does. */
export function fewest(least: number, fits: (number: number) => boolean): number {
  let high = least
  while (!fits(high)) {
    high *= 2
    if (high > 1e9) return Number.POSITIVE_INFINITY
  }
  let low = least
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (fits(middle)) high = middle
    else low = middle + 1
  }
  return low
}
