/** docs/values.md, row by row, in three engines. */
import type { Transport } from '../src/contracts/transport.ts'
import { rowsOf } from '../test/support/values.ts'
import { startSite } from './fixtures/site.ts'
import { expect, test } from './fixtures/test.ts'

interface Row {
  value: string
  becomes: Record<string, string>
}

test('each kind of message is taken whole or refused by name', async ({ openPage }) => {
  const site = await startSite()
  const page = await openPage()
  await page.goto(`${site.url}/pages/line.html`)
  const rows = rowsOf('Messages')
  expect(rows.length).toBeGreaterThan(40)
  const found = await page.evaluate(async (rows: Row[]) => {
    const { connect, json } = (globalThis as never as { Throughline: typeof import('../src/script-tag.ts') })
      .Throughline
    const sent: unknown[] = []
    const transport = {
      name: 'mine',
      kind: 'socket' as const,
      supports: () => true,
      open(_: unknown, sink: { opened(): void }) {
        setTimeout(() => sink.opened())
        const send = (payload: unknown, done: () => void) => {
          sent.push(payload)
          done()
        }
        return { send, close() {} }
      },
    }
    const told = (payload: unknown) => {
      if (typeof payload === 'string') return payload ? `text \`${payload}\`` : 'empty text'
      const bytes = [...new Uint8Array(payload as ArrayBuffer)]
      return `bytes \`${bytes.map(byte => byte.toString(16).padStart(2, '0')).join(' ')}\``
    }
    const wrong: string[] = []
    for (const [column, codec] of [
      ['to other servers', undefined],
      ['with json', json],
    ] as const) {
      const line = connect('/live', { dialect: 'plain', transports: [transport], ...(codec && { codec }) })
      for (const { value, becomes } of rows) {
        let outcome: string
        try {
          await line.send(new Function(`return (${value})`)())
          outcome = told(sent.pop())
        } catch (error) {
          outcome = (error as Error).name
        }
        if (outcome !== becomes[column]) wrong.push(`${column}(${value}): ${outcome}`)
      }
      line.close()
    }
    // Bytes of another frame, whose classes are others.
    const frame = document.createElement('iframe')
    document.body.append(frame)
    const there = frame.contentWindow as unknown as typeof globalThis
    const line = connect('/live', { dialect: 'plain', transports: [transport] })
    for (const bytes of [there.Uint8Array.of(1, 2), there.Uint8Array.of(1, 2).buffer]) {
      await line.send(bytes)
      wrong.push(...[told(sent.pop())].filter(each => each !== 'bytes `01 02`'))
    }
    await line.send(new there.Map()).then(
      () => wrong.push('a Map of another frame was sent'),
      () => {},
    )
    line.close()
    return wrong
  }, rows)
  expect(found).toEqual([])
  await site.close()
})

test('each shape of params and headers is taken whole or refused by name', async ({ openPage }) => {
  const site = await startSite()
  const page = await openPage()
  await page.goto(`${site.url}/pages/line.html`)
  const found = await page.evaluate(async (rows: Row[]) => {
    const { connect } = (globalThis as never as { Throughline: typeof import('../src/script-tag.ts') })
      .Throughline
    const wrong: string[] = []
    for (const column of ['params', 'headers'] as const)
      for (const { value, becomes } of rows) {
        let outcome: string
        try {
          outcome = await new Promise<string>((resolve, reject) => {
            const transport: Transport = {
              name: 'mine',
              kind: 'socket',
              supports: () => true,
              open(target) {
                const { url, headers } = target.buildRequest(transport)
                const own = Object.entries(headers).filter(
                  ([, text]) => text !== 'text/event-stream' && text !== 'no-cache',
                )
                const all = own.map(([name, text]) => `${name}: ${text}`).join(', ')
                resolve(`\`${column === 'params' ? new URL(url).search.slice(1) : all}\``)
                return { close() {} }
              },
            }
            const given = new Function(`return (${value})`)()
            try {
              const line = connect('/live', { dialect: 'plain', transports: [transport], [column]: given })
              setTimeout(() => line.close(), 50)
            } catch (error) {
              reject(error)
            }
          })
        } catch (error) {
          outcome = (error as Error).name
        }
        if (outcome !== becomes[column]) wrong.push(`${column} ${value}: ${outcome}`)
      }
    return wrong
  }, rowsOf('Parameters and headers'))
  expect(found).toEqual([])
  await site.close()
})
