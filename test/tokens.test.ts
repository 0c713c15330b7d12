/** Whatever the dialect and the transport: a token that the page wants hidden stands in no address. */
import { describe, expect, test } from 'vitest'
import type { Dialect } from '../src/contracts/dialect.ts'
import type { Transport } from '../src/contracts/transport.ts'
import { connect } from '../src/core.ts'
import { durableStreams } from '../src/dialects/durable-streams.ts'
import { mercure } from '../src/dialects/mercure.ts'
import { native } from '../src/dialects/native.ts'
import { nchan } from '../src/dialects/nchan.ts'
import { plain } from '../src/dialects/plain.ts'
import { socketio } from '../src/dialects/socketio.ts'
import { sockjs } from '../src/dialects/sockjs.ts'
import { explain } from '../src/report.ts'
import { madeBy, transportsOf } from './support/dialects.ts'
import { createWorld } from './support/world.ts'

const token = 's3cret'
const dialects = [native, plain, nchan(), mercure(), sockjs(), socketio(), durableStreams()]
const ways = dialects.flatMap(dialect =>
  transportsOf(dialect).map(way => ({ name: dialect.name, via: way.name, way, dialect })),
)

function addressOf({ addressing }: Dialect, way: Transport): string {
  const position = { cursor: '1', session: undefined }
  const asked = {
    url: new URL('https://host.test/live?topic=a'),
    headers: {},
    position,
    nonce: '1',
    line: 'l1ne',
    channel: '1',
  }
  return addressing.buildRequest({ ...asked, ...madeBy(way), token, hidden: true }).url
}

const shows = ({ dialect, way }: (typeof ways)[number]) =>
  dialect.addressing.showsToken === true && !way.setsHeaders

test.each(ways)('$name over $via: shown only if it says so, and no header can be set', each => {
  expect(addressOf(each.dialect, each.way).includes(token)).toBe(shows(each))
})

describe.each(ways.filter(shows))('$name over $via', ({ dialect, via, way }) => {
  const begin = (tokenIn?: 'address') => {
    const world = createWorld()
    const opened: string[] = []
    const transport: Transport = {
      ...way,
      supports: () => true,
      open(target) {
        opened.push(target.buildRequest(way).url)
        return { close() {} }
      },
    }
    const options = { dialect, transport, token: () => token, environment: world.environment }
    const line = connect('/live', { ...options, ...(tokenIn && { tokenIn }) })
    return { world, opened, line }
  }

  test('is not opened with a token unasked, and says what would allow it', async () => {
    const { world, opened, line } = begin()
    await world.settle()
    expect(opened).toEqual([])
    expect(explain(line.report())[0]?.verdict).toContain(
      `${via} would show the token in the address, which tokenIn: 'address' allows`,
    )
  })

  test('is opened where the page allows it', async () => {
    const { world, opened, line } = begin('address')
    await world.settle()
    expect(opened).toEqual([expect.stringContaining(token)])
    line.close()
  })
})
