/** What is asked for in one turn of Node's event loop goes together, in order. What is asked for alone goes at once. */
export interface Batches<Item, Answer> {
  add(item: Item): Promise<Answer>
  /** Sends what waits for the end of the turn: something that comes after it is sent now. */
  flush(): void
}

export interface BatchesOptions<Item, Answer> {
  /** Sends some. Gives the answer of each, in their order, or rejects for all. */
  send(items: readonly Item[]): Promise<readonly Answer[]>
  /** How many go together. */
  most: number
  /** How large they are together, but for one that is larger alone. */
  heaviest: number
  weigh(item: Item): number
}

interface Waiting<Item, Answer> {
  readonly item: Item
  resolve(answer: Answer): void
  reject(error: unknown): void
}

export function createBatches<Item, Answer>({
  send,
  most,
  heaviest,
  weigh,
}: BatchesOptions<Item, Answer>): Batches<Item, Answer> {
  let waiting: Waiting<Item, Answer>[] = []
  let weight = 0
  let underWay = 0
  let turn: NodeJS.Immediate | undefined
  return { add, flush }

  function add(item: Item): Promise<Answer> {
    const own = weigh(item)
    if (waiting.length === most || weight + own > heaviest) flush()
    const answer = new Promise<Answer>((resolve, reject) => waiting.push({ item, resolve, reject }))
    weight += own
    if (underWay === 0) flush()
    else turn ??= setImmediate(flush)
    return answer
  }

  function flush(): void {
    clearImmediate(turn)
    turn = undefined
    if (waiting.length > 0) void sendAll(waiting)
    waiting = []
    weight = 0
  }

  async function sendAll(all: readonly Waiting<Item, Answer>[]): Promise<void> {
    underWay++
    try {
      const answers = await send(all.map(({ item }) => item))
      for (const [index, { resolve }] of all.entries()) resolve(answers[index] as Answer)
    } catch (error) {
      for (const { reject } of all) reject(error)
    } finally {
      underWay--
    }
  }
}
