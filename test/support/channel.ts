import type { Dialect } from '../../src/contracts/dialect.ts'
import type { Failure } from '../../src/contracts/failure.ts'
import type { Target, Transport } from '../../src/contracts/transport.ts'
import type { Environment } from '../../src/environment.ts'
import { madeBy } from './dialects.ts'
import { createWorld } from './world.ts'

/** Opens one channel of a transport in a world made by hand, over parts that the test drives. */
export function openChannel(transport: Transport, dialect: Dialect, parts: Partial<Environment>) {
  const world = createWorld(parts)
  const position = { cursor: '', session: undefined as string | undefined }
  const heard: string[] = []
  const failures: Failure[] = []
  let taken = 0
  const followers = new Set<(name: string) => void>()
  const target: Target = {
    dialect,
    environment: world.environment,
    origin: world.origin,
    pathname: '/live',
    attempts: [],
    withCredentials: false,
    timeout: 10_000,
    taken: () => taken,
    positioned: () => position.cursor !== '',
    names(added) {
      added('message')
      followers.add(added)
      return () => followers.delete(added)
    },
    reader: (by, previous) => dialect.framing.reader(by, previous),
    buildRequest: (by, details) =>
      dialect.addressing.buildRequest({
        ...details,
        ...madeBy(by),
        position,
        url: new URL(`${world.origin}/live`),
        headers: {},
        token: undefined,
        nonce: 'n0nce',
        line: 'l1ne',
      }),
  }
  const channel = transport.open(target, {
    opened: () => heard.push(`opened ${transport.name}`),
    blocks: blocks => {
      taken += blocks.length
      heard.push(['blocks', ...blocks.map(({ id, data }) => `${id}=${data}`)].join(' '))
    },
    paused: failure => {
      failures.push(failure)
      heard.push(`paused ${failure.kind}`)
    },
    ended: failure => {
      failures.push(failure)
      heard.push(`ended ${failure.kind}`)
    },
  })
  return {
    world,
    position,
    heard,
    failures,
    target,
    channel,
    /** A listener of that name is added to the line. */
    listen: (name: string) => followers.forEach(follow => void follow(name)),
    /** How many follow the names in use. */
    get followers() {
      return followers.size
    },
  }
}
