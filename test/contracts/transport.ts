import { JSDOM, VirtualConsole } from 'jsdom'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Dialect, Framing, Position } from '../../src/contracts/dialect.ts'
import type { Failure } from '../../src/contracts/failure.ts'
import type { Channel, Sink, Target, Transport } from '../../src/contracts/transport.ts'
import { native } from '../../src/dialects/native.ts'
import type { Environment } from '../../src/environment.ts'
import { sentence } from '../../src/words.ts'
import { madeBy, vary } from '../support/dialects.ts'
import { nowhere, type Server, serve, sign, type Visit } from '../support/server.ts'

export interface Harness {
  readonly transport: Transport
  /** The parts of a page that it needs. One that needs none has no place that lacks them. */
  parts?: ((page: JSDOM['window']) => Partial<Environment>) | undefined
  /** Whether being accepted can be seen before the first text. */
  readonly acceptsFirst: boolean
  /** Whether these parts tell when a connection breaks after it has begun. */
  readonly showsCuts: boolean
  /** Whether the other side can see that it was left. */
  readonly aborts: boolean
  /** Whether what is sent is answered by itself, so that a failure of one message can be told. */
  readonly answersSends: boolean
  /** What a channel leaves in the page. */
  left?(page: JSDOM['window']): number
}

/** A channel to a server that does what the test says, and all that its sink hears. */
export interface Scene {
  readonly server: Server
  readonly page: JSDOM['window']
  readonly target: Target
  readonly heard: string[]
  readonly failures: Failure[]
  readonly channel: Channel
  readonly position: { cursor: string; session: string | undefined }
  /** Settles when the sink has heard so many calls, or calls that begin so. */
  hears(what: number | string): Promise<void>
  /** The timers that the transport has armed. */
  readonly timers: number
}

/** What src/contracts/transport.ts promises, each sentence tried on the transport. */
export function transportContract({ transport, parts, left = () => 0, ...can }: Harness): void {
  const begin = (options: Parameters<typeof stage>[1] = {}) => stage({ transport, parts }, options)

  /** Another channel's whole life, in which whatever is still to come of the first one would come. */
  async function afterwards({ server }: Scene): Promise<void> {
    const other = await begin({ server })
    const visit = await server.visit()
    await visit.brings(hello)
    await other.hears('blocks')
    await visit.waits()
    other.channel.close()
    await leaves(visit)
  }

  const leaves = (visit: Visit) => (can.aborts ? visit.gone : undefined)

  describe('Whether this place allows it at all', () => {
    test('it does where the parts are', async () => {
      expect(transport.supports((await begin()).target)).toBe(true)
    })

    test.runIf(parts)('it does not where they are missing', async () => {
      const { target } = await begin()
      const nothing = {
        WebSocket: undefined,
        EventSource: undefined,
        XMLHttpRequest: undefined,
        fetch: undefined,
        document: undefined,
      }
      expect(transport.supports({ ...target, environment: { ...target.environment, ...nothing } })).toBe(
        false,
      )
    })
  })

  describe('The order of calls', () => {
    test('nothing is called before open has returned', async () => {
      const scene = await begin()
      expect(scene.heard).toEqual([])
      const visit = await scene.server.visit()
      await visit.brings(hello)
      await scene.hears('blocks')
      expect(scene.heard[0]).toBe(`opened ${transport.name}`)
    })

    test.runIf(can.acceptsFirst)(
      'opened: the other side accepted; that data flows is not said by this',
      async () => {
        const scene = await begin()
        await (await scene.server.visit()).accepts()
        await scene.hears('opened')
        expect(scene.heard).toEqual([`opened ${transport.name}`])
      },
    )

    test('opened, then any number of blocks, then ended once and last', async () => {
      const scene = await begin()
      const visit = await scene.server.visit()
      await visit.brings(block(1))
      await scene.hears('blocks 1')
      await visit.brings(block(2), block(3))
      await scene.hears('blocks 3')
      await visit.ends()
      await scene.hears('ended')
      await afterwards(scene)
      expect(scene.heard.filter(isOpened)).toHaveLength(1)
      expect(isOpened(scene.heard[0])).toBe(true)
      expect(scene.heard.filter(isEnded)).toHaveLength(1)
      expect(isEnded(scene.heard.at(-1))).toBe(true)
    })

    test('a refusal that the first block tells ends it, in the server’s words and with its time to wait', async () => {
      const scene = await begin()
      const visit = await scene.server.visit()
      await visit.brings('event: rt.fail\ndata: {"status":403,"retryAfter":7,"message":"not for you"}\n\n')
      await scene.hears('ended')
      expect(scene.heard.filter(heard => !isOpened(heard))).toEqual(['ended status'])
      expect(scene.failures[0]).toMatchObject({ status: 403, retryAfter: 7_000, scope: 'line' })
      expect(sentence(scene.failures[0] as Failure)).toContain('not for you')
    })

    test.runIf(can.showsCuts)('ended once and last, when it breaks off', async () => {
      const scene = await begin()
      const visit = await scene.server.visit()
      await visit.brings(hello)
      await scene.hears('blocks')
      await visit.cuts()
      await scene.hears('ended')
      await afterwards(scene)
      expect(scene.heard.filter(isEnded)).toHaveLength(1)
      expect(isEnded(scene.heard.at(-1))).toBe(true)
    })

    test.each([403, 503])('ended, and never opened, when it is refused with status %i', async status => {
      const scene = await begin()
      await (await scene.server.visit()).refuses(status)
      await scene.hears('ended')
      await afterwards(scene)
      expect(scene.heard).toEqual([expect.stringMatching(/^ended (refused|status)$/)])
    })

    test('ended, and never opened, when nobody is there', async () => {
      const scene = await begin({ origin: await nowhere() })
      await scene.hears('ended')
      expect(scene.heard).toEqual([expect.stringMatching(/^ended (refused|status)$/)])
    })

    test('ended says where, without the query, which may hold tokens', async () => {
      const scene = await begin()
      await (await scene.server.visit()).refuses(403)
      await scene.hears('ended')
      expect(sentence(scene.failures[0] as Failure)).toMatch(/127\.0\.0\.1:\d+\/live/)
      expect(sentence(scene.failures[0] as Failure)).not.toContain('secret')
    })
  })

  describe('Whole blocks, in order', () => {
    test('however the text is cut', async () => {
      const scene = await begin()
      const text = `${block(1, '안녕')}${block(2)}: nothing\n\n${block(3, 'a\ndata: b')}`
      await (await scene.server.visit()).brings(text.slice(0, 9), text.slice(9, 30), text.slice(30))
      await scene.hears('blocks 3')
      expect(scene.heard.flatMap(said => said.match(/\S+=\S+/g) ?? [])).toEqual(['1=안녕', '2=m2', '3=a|b'])
    })

    test('none at all is a sign of life: something came that was no block', async () => {
      const scene = await begin()
      await (await scene.server.visit()).brings(sign)
      await scene.hears('blocks')
      expect(scene.heard[1]).toBe('blocks')
    })

    test('the payload is what was published, byte for byte', async () => {
      const scene = await begin()
      const data = '\ufeff  <b>&amp;</b> \u2028\u2029 \\n "quotes" 𝄞'
      await (await scene.server.visit()).brings(block(1, data))
      await scene.hears('blocks 1')
      expect(scene.heard[1]).toBe(`blocks 1=${data}`)
    })

    test('a block that is too large is handed over without its data, and the next one whole', async () => {
      const reader: Framing['reader'] = (by, previous) => native.framing.reader(by, previous, 1_000)
      const scene = await begin({ dialect: vary(native, { framing: { reader } }) })
      await (await scene.server.visit()).brings(block(1), block(2, 'x'.repeat(1_001)), block(3))
      const blocks = () => scene.heard.slice(1).join(' ').replaceAll('blocks ', '').trim()
      await expect.poll(blocks).toBe('1=m1 2=undefined 3=m3')
    })
  })

  describe('Nothing is heard after close()', () => {
    const moments: Record<string, (scene: Scene, visit: Visit) => unknown> = {
      'while it connects': () => {},
      'once it is open': async (scene, visit) => {
        await visit.brings(hello)
        await scene.hears('blocks')
        await visit.waits()
      },
    }

    test.each(Object.entries(moments))(
      '%s; the other side sees it leave, and nothing stays behind',
      async (_, reach) => {
        const scene = await begin()
        const visit = await scene.server.visit()
        await reach(scene, visit)
        const before = [...scene.heard]
        scene.channel.close()
        await leaves(visit)
        await afterwards(scene)
        expect(scene.heard).toEqual(before)
        expect(scene.timers).toBe(0)
        expect(left(scene.page)).toBe(0)
      },
    )

    test('a second call does nothing', async () => {
      const scene = await begin()
      const visit = await scene.server.visit()
      scene.channel.close()
      scene.channel.close()
      await leaves(visit)
      scene.channel.close()
    })

    test('nor after it has ended by itself', async () => {
      const scene = await begin()
      await (await scene.server.visit()).refuses(403)
      await scene.hears('ended')
      scene.channel.close()
      expect(scene.heard).toHaveLength(1)
      expect(scene.timers).toBe(0)
      expect(left(scene.page)).toBe(0)
    })

    test.each(['opened', 'blocks'] as const)(
      'called within %s, although more has come already',
      async call => {
        const scene = await begin({ on: { [call]: () => scene.channel.close() } })
        const visit = await scene.server.visit()
        await visit.brings(block(1), block(2))
        await scene.hears(call)
        await afterwards(scene)
        expect(scene.heard).toEqual(
          [`opened ${transport.name}`, expect.stringMatching('^blocks 1')].slice(
            0,
            call === 'opened' ? 1 : 2,
          ),
        )
        expect(scene.timers).toBe(0)
        expect(left(scene.page)).toBe(0)
      },
    )

    test('a message on its way is heard of no more', async () => {
      const scene = await begin()
      await (await scene.server.visit()).brings(hello)
      await scene.hears('blocks')
      let answers = 0
      scene.channel.send?.(block(1), () => answers++)
      const sent = await scene.server.sent()
      const before = answers
      scene.channel.close()
      sent.answers(block(9))
      await afterwards(scene)
      expect(answers).toBe(before)
      expect(scene.heard.filter(said => said.includes('9='))).toEqual([])
    })
  })

  describe('Sends something upward', () => {
    async function openScene(): Promise<Scene> {
      const scene = await begin()
      await (await scene.server.visit()).brings(hello)
      await scene.hears('blocks')
      return scene
    }

    test('and says done when the next may follow', async () => {
      const scene = await openScene()
      for (const text of [block(1, '안녕'), block(2)]) {
        const done = new Promise(resolve => scene.channel.send?.(text, resolve))
        const sent = await scene.server.sent()
        expect(sent.text).toBe(text)
        sent.answers('event: rt.ack\ndata: 1\n\n')
        expect(await done).toBeUndefined()
      }
    })

    test('the answer is heard like everything else', async () => {
      const scene = await openScene()
      scene.channel.send?.(block(1), () => {})
      const sent = await scene.server.sent()
      sent.answers('event: rt.ack\ndata: 1\n\n')
      await scene.hears('blocks rt.ack')
    })

    test.runIf(can.answersSends)('with a failure if it is certain that this was not taken', async () => {
      const scene = await openScene()
      const done = new Promise(resolve => scene.channel.send?.(block(1), resolve))
      const sent = await scene.server.sent()
      sent.refuses(413)
      expect(await done).toMatchObject({ kind: 'status', status: 413 })
      expect(scene.heard.filter(isEnded)).toEqual([])
    })

    test.runIf(can.answersSends)('with a failure if it is unknown', async () => {
      const scene = await openScene()
      const done = new Promise(resolve => scene.channel.send?.(block(1), resolve))
      const sent = await scene.server.sent()
      sent.cuts()
      expect(await done).toMatchObject({ kind: 'refused' })
      expect(scene.heard.filter(isEnded)).toEqual([])
    })
  })

  describe('The request as it has to be now', () => {
    test('carries the parameters, and the position, afresh each time', async () => {
      const scene = await begin()
      const visit = await scene.server.visit()
      expect(visit.query).toMatchObject({ token: 'secret', 'rt.via': transport.like ?? transport.name })
      expect(visit.query).not.toHaveProperty('rt.id')
      Object.assign(scene.position, { cursor: 'e.1.t1', session: 's1' })
      const again = await begin({ server: scene.server, position: scene.position })
      const second = await scene.server.visit()
      expect(second.query).toMatchObject({ 'rt.id': 'e.1.t1', 'rt.sid': 's1' })
      await second.brings(hello)
      await again.hears('blocks')
    })
  })
}

const hello = block(0, 'hello')

function block(id: number, data = `m${id}`): string {
  return `id: ${id}\ndata: ${data}\n\n`
}

function isOpened(said: string | undefined): boolean {
  return said?.startsWith('opened') ?? false
}

function isEnded(said: string | undefined): boolean {
  return said?.startsWith('ended') ?? false
}

let channels = 0

/** Opens a channel of the transport to a server of its own; both are gone when the test is. */
async function stage(
  { transport, parts }: Pick<Harness, 'transport' | 'parts'>,
  {
    server: given,
    origin,
    position = { cursor: '', session: undefined },
    on = {},
    dialect = native,
  }: Partial<StageOptions>,
): Promise<Scene> {
  const server = given ?? (await serve())
  const { window: page } = new JSDOM('', {
    url: `${server.origin}/`,
    runScripts: 'dangerously',
    resources: 'usable',
    virtualConsole: new VirtualConsole(),
  })
  const timers = new Set<unknown>()
  const heard: string[] = []
  const failures: Failure[] = []
  const waiting = new Set<() => void>()
  const environment = createEnvironment(timers, parts?.(page) ?? {})
  const number = ++channels
  const target: Target = {
    dialect,
    environment,
    origin: 'http://host.test',
    pathname: '/live',
    attempts: [],
    withCredentials: false,
    jsonp: 'cross-origin',
    timeout: 5_000,
    taken: () => 0,
    positioned: () => position.cursor !== '',
    names: () => () => {},
    reader: (by, previous) => dialect.framing.reader(by, previous),
    buildRequest: (by, details) =>
      native.addressing.buildRequest({
        ...details,
        ...madeBy(by),
        url: new URL(`${origin ?? server.origin}/live?token=secret&channel=${number}`),
        headers: {},
        token: undefined,
        position,
        nonce: 'n0nce',
        line: 'l1ne',
      }),
  }
  const say = (call: keyof Sink, said: string) => {
    heard.push(said)
    on[call]?.()
    for (const look of waiting) look()
  }
  const channel = transport.open(target, {
    opened: () => say('opened', `opened ${transport.name}`),
    blocks: blocks =>
      say(
        'blocks',
        [
          'blocks',
          ...blocks.map(({ id, event, data }) => event ?? `${id}=${data?.replace(/\n(data: )?/g, '|')}`),
        ].join(' '),
      ),
    paused: failure => say('paused', `paused ${failure.kind}`),
    ended: failure => {
      failures.push(failure)
      say('ended', `ended ${failure.kind}`)
    },
  })
  onTestFinished(async () => {
    channel.close()
    page.close()
    if (!given) await server.close()
  })
  return {
    server,
    page,
    target,
    heard,
    failures,
    channel,
    position: position as Scene['position'],
    get timers() {
      return timers.size
    },
    hears(what) {
      const has = () =>
        typeof what === 'number'
          ? heard.length >= what
          : heard.some(said => said.startsWith(what) || said.includes(` ${what.split(' ').at(-1)}=`))
      return new Promise<void>(resolve => {
        const look = () => {
          if (!has()) return
          waiting.delete(look)
          resolve()
        }
        waiting.add(look)
        look()
      })
    },
  }
}

interface StageOptions {
  /** Where it is a second channel to the same server. */
  server: Server
  origin: string
  position: Position
  /** The native one, perhaps with readers of its own. */
  dialect: Dialect
  /** Called when the sink hears it. */
  on: Partial<Record<keyof Sink, () => void>>
}

/** Real time, and timers that are counted. */
function createEnvironment(timers: Set<unknown>, parts: Partial<Environment>): Environment {
  return {
    now: () => performance.now(),
    setTimeout(act, ms) {
      const timer = setTimeout(() => {
        timers.delete(timer)
        act()
      }, ms)
      timers.add(timer)
      return timer
    },
    clearTimeout(timer) {
      timers.delete(timer)
      clearTimeout(timer as never)
    },
    random: Math.random,
    WebSocket: undefined,
    EventSource: undefined,
    XMLHttpRequest: undefined,
    fetch: undefined,
    document: undefined,
    setItem() {},
    getItem: () => null,
    listen: () => () => {},
    visible: () => true,
    online: () => true,
    base: undefined,
    roundTrip: () => undefined,
    ...parts,
  }
}
