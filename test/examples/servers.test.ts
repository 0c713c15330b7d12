import { describe, expect, it, onTestFinished } from 'vitest'
import { cases, runCheck } from '../../cli/check/run.ts'
import {
  missingPhpFpm,
  missingProgram,
  type ReferenceServer,
  startPhp,
  startPhpFpm,
  startPhpWorkers,
  startPython,
} from '../../e2e/fixtures/reference-servers.ts'

const origin = 'https://listed.example'

/** What no reference server offers, or what takes half a minute. */
const leftOut = ['beat.', 'ticket.', 'query.', 'topics.', 'jsonp.', 'origin.jsonp-untold', 'answer']

async function check({ url }: ReferenceServer, only: readonly string[] = []) {
  return runCheck({ url: new URL(`${url}?topic=check`), patience: 20_000, origin, refuses: 'refuse', only })
}

async function expectToPass(
  server: ReferenceServer,
  offered: readonly string[],
  leftOutToo: readonly string[] = [],
) {
  onTestFinished(server.close)
  const report = await check(server)
  expect(report.outcomes.filter(({ result }) => result === 'broken')).toEqual([])
  expect(report.offered).toEqual(offered)
  const kept = new Set(report.outcomes.filter(({ result }) => result === 'kept').map(({ name }) => name))
  const untried = cases.map(({ name }) => name).filter(name => !kept.has(name))
  const expected = [...leftOut, ...leftOutToo]
  expect(untried.filter(name => !expected.some(each => name.startsWith(each)))).toEqual([])
}

const streams = ['eventsource', 'xhr-streaming', 'fetch-streaming', 'bare', 'long-polling']

describe('examples/python', () => {
  const reason = missingProgram('python3')
  it.skipIf(reason)(`keeps every rule that it offers something of${because(reason)}`, async () => {
    await expectToPass(await startPython(origin), ['websocket', ...streams, 'post'])
  })
})

describe('examples/php', () => {
  const [php, fpm] = [missingProgram('php'), missingPhpFpm()]
  const offered = [...streams, 'post']
  const withoutSockets = ['websocket.', 'token.', 'up.malformed']

  it.skipIf(php)(
    `keeps every rule that it offers something of${because(php)}`,
    async () => {
      await expectToPass(await startPhp(origin), offered, withoutSockets)
    },
    300_000,
  )

  it.skipIf(fpm)(
    `keeps them with PHP-FPM behind nginx${because(fpm)}`,
    async () => {
      await expectToPass(await startPhpFpm(origin), offered, withoutSockets)
    },
    300_000,
  )

  it.skipIf(php)(
    `runs on PHP's own web server${because(php)}`,
    async () => {
      const server = await startPhpWorkers()
      onTestFinished(server.close)
      // Those that open one channel alone: PHP may let a second request wait behind it.
      const alone = ['open.first', 'open.fields', 'fail.version', 'post.unknown-session']
      const { outcomes } = await check(server, alone)
      expect(outcomes.filter(({ result }) => result !== 'kept')).toEqual([])
      expect(outcomes.length).toBeGreaterThan(10)
    },
    120_000,
  )
})

/** A test that is skipped says why in its name. */
function because(reason: string | undefined): string {
  return reason === undefined ? '' : `: ${reason}`
}
