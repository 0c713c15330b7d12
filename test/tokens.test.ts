/** Whatever the dialect and the transport: a token that the page wants hidden stands in no address. */
import { describe, expect, test } from 'vitest'
import type { Dialect } from '../src/contracts/dialect.ts'
import type { TransportName } from '../src/contracts/failure.ts'
import type { Transport } from '../src/contracts/transport.ts'
import { connect } from '../src/core.ts'
import { mercure } from '../src/dialects/mercure.ts'
import { native } from '../src/dialects/native.ts'
import { nchan } from '../src/dialects/nchan.ts'
import { plain } from '../src/dialects/plain.ts'
import { socketio } from '../src/dialects/socketio.ts'
import { sockjs } from '../src/dialects/sockjs.ts'
import { explain } from '../src/report.ts'
import { createWorld } from './support/world.ts'

const token = 's3cret'
const dialects = [native, plain, nchan(), mercure(), sockjs(), socketio()]
const ways = dialects.flatMap(dialect =>
  dialect.transports.map(via => ({ name: dialect.name, via, dialect })),
)

function addressOf({ buildRequest: knock }: Dialect, via: TransportName): string {
  const position = { cursor: '1', session: undefined }
  const asked = {
    url: new URL('https://host.test/live?topic=a'),
    headers: {},
    position,
    nonce: '1',
    pipe: '1',
  }
  return knock({ ...asked, via, token, hidden: true }).url
}

test.each(ways)('$name over $via: shown only if it says so', ({ dialect, via }) => {
  expect(addressOf(dialect, via).includes(token)).toBe(dialect.showsToken?.includes(via) ?? false)
})

describe.each(ways.filter(({ dialect, via }) => dialect.showsToken?.includes(via)))(
  '$name over $via',
  ({ dialect, via }) => {
    const begin = (tokenIn?: 'address') => {
      const world = createWorld()
      const opened: string[] = []
      const transport: Transport = {
        name: via,
        supports: () => true,
        open(target) {
          opened.push(target.buildRequest(via).url)
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
  },
)
