import type { TransportName } from '../server/index.ts'
import type { Answers, Box } from './answers.ts'
import type { Json } from './json.ts'
import type { Everywhere } from './live.ts'
import type { People } from './people.ts'
import type { Rooms } from './rooms.ts'
import { transports } from './servers/transports.ts'

/** The network lab: what goes wrong between page and server, for all who are here. */
export interface Lab {
  /** Applies what a page asked for and gives the state after it. */
  change(asked: Json): Json
  state(): Json
  close(): void
}

const fastest = 200

/** How often the publisher speaks, in ms; at high rates it says several things at a time. */
const step = 50

export function createLab(
  live: Everywhere,
  rooms: Pick<Rooms, 'refuse' | 'cut' | 'show'>,
  answers: Pick<Answers, 'refuse' | 'cut' | 'show' | 'put'>,
  { people, say }: { people: People; say(text: string): void },
): Lab {
  let refused: readonly TransportName[] = []
  let box: Box = { swallow: false, hold: false }
  let rate = 0
  let owed = 0
  let said = 0
  let timer: NodeJS.Timeout | undefined
  return { change, state, close: () => clearInterval(timer) }

  function change(asked: Json): Json {
    if (asked.rate !== undefined) setRate(Number(asked.rate))
    if (asked.refuse !== undefined) refused = transports.filter(name => isIn(asked.refuse, name))
    const isBoxed = asked.swallow !== undefined || asked.hold !== undefined
    if (isBoxed) box = { swallow: flag(asked.swallow, box.swallow), hold: flag(asked.hold, box.hold) }
    // Of a cut nobody is told: the news would answer all polls, and find none to cut.
    if (asked.rate !== undefined || asked.refuse !== undefined || isBoxed) {
      live.publish('lobby', state(), 'lab')
      for (const lines of [rooms, answers]) lines.show(state())
    }
    // Everybody's switches show what holds, and only then do the lines break.
    setImmediate(() => {
      if (isBoxed) answers.put(box)
      for (const lines of [live, rooms, answers]) {
        if (asked.refuse !== undefined) lines.refuse(refused)
        if (asked.cut === true) lines.cut()
      }
      if (asked.restart === true) {
        people.expectBack()
        live.restart()
      }
    })
    return state()
  }

  function state(): Json {
    return { refuse: refused, rate, servers: live.names, ...box }
  }

  function setRate(asked: number): void {
    rate = asked > 0 ? Math.min(Math.ceil(asked), fastest) : 0
    clearInterval(timer)
    if (rate > 0) timer = setInterval(speak, step)
  }

  function speak(): void {
    // When nobody is left to listen, nobody is left to switch it off.
    if (!people.list().some(person => person.here)) return setRate(0)
    for (owed += (rate * step) / 1000; owed >= 1; owed--) say(`${++said}`)
  }
}

function isIn(list: unknown, name: string): boolean {
  return Array.isArray(list) && list.includes(name)
}

function flag(asked: unknown, otherwise: boolean): boolean {
  return typeof asked === 'boolean' ? asked : otherwise
}
