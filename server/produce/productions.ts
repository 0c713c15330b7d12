import type { Log } from '../log/log.ts'
import { atMost } from '../patience.ts'
import type { Plan } from './plan.ts'
import { type Means, type Production, type Running, startProduction } from './production.ts'

/** What a hub produces, one production in a topic. */
export interface Productions {
  start(plan: Plan): Production
  /** Ends what is produced in the topic, here or on another node. Gives whether it was here. */
  cancel(topic: string, reason: string | undefined): boolean
  /** Takes what another node says of productions, which is no message that a line could hear. Gives whether it was that. */
  heard(topic: string, text: string): boolean
  /** Ends all, and starts none any more. Resolves when their pages are told, or after `within` ms. */
  close(within: number): Promise<void>
  readonly size: number
}

/** Where nodes that share a log tell each other what is to be ended. */
const productionsTopic = 'rt.produce'

export function createProductions(
  log: Log,
  append: (topic: string, ...rest: Parameters<Means['append']>) => unknown,
  report: (error: unknown) => void,
): Productions {
  const running = new Map<string, Running>()
  let isClosed = false
  log.follow?.(productionsTopic)

  return {
    start,
    cancel,
    heard,
    close,
    get size() {
      return running.size
    },
  }

  function start(plan: Plan): Production {
    const { topic } = plan
    const isTaken = isClosed || running.has(topic)
    const production = startProduction(plan, {
      refusal: async () =>
        isClosed ? closed(topic) : isTaken || (await isUsed(topic)) ? taken(topic) : undefined,
      append: (message, whole) => append(topic, message, whole),
      report,
    })
    if (isTaken) return production
    running.set(topic, production)
    void production.over.then(() => running.delete(topic))
    return production
  }

  /** Whether there is anything in the topic: whoever read both as one answer would read neither. */
  async function isUsed(topic: string): Promise<boolean> {
    const { entries } = await log.back(topic, { limit: 1 })
    return entries.length > 0
  }

  function cancel(topic: string, reason: string | undefined): boolean {
    const production = running.get(topic)
    production?.cancel(reason)
    if (!production)
      log.pass?.(productionsTopic, {
        event: 'cancel',
        data: JSON.stringify({ topic, reason }),
        encoding: undefined,
      })
    return production !== undefined
  }

  function heard(topic: string, text: string): boolean {
    if (topic !== productionsTopic) return false
    const { topic: meant, reason } = read(text)
    if (typeof meant === 'string') running.get(meant)?.cancel(typeof reason === 'string' ? reason : undefined)
    return true
  }

  async function close(within: number): Promise<void> {
    isClosed = true
    log.unfollow?.(productionsTopic)
    const all = [...running.values()]
    for (const production of all) production.close(closed(production.topic))
    if (all.length > 0) await atMost(within, Promise.all(all.map(({ over }) => over)))
  }
}

/** What is no message of this kind is of nobody's that we know. */
function read(text: string): { topic?: unknown; reason?: unknown } {
  try {
    return Object(JSON.parse(/^data: (.*)$/m.exec(text)?.[1] ?? ''))
  } catch {
    return {}
  }
}

function taken(topic: string): Error {
  return Object.assign(
    new Error(
      `produce: there are messages in "${topic}" already, or it is being produced; give each answer a topic of its own, or call hub.drop() before`,
    ),
    { status: 409 },
  )
}

function closed(topic: string): Error {
  return Object.assign(new Error(`the server was closed before "${topic}" was complete`), {
    status: 503,
    expose: true,
  })
}
