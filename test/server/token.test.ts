import { once } from 'node:events'
import { createServer } from 'node:http'
import { expect, it } from 'vitest'
import { createHub } from '../../server/index.ts'

it('shows authorize the token, from a header or from the address', async () => {
  const seen: (string | undefined)[] = []
  const hub = createHub({
    authorize: ({ token }) => {
      seen.push(token)
      return ['x']
    },
  })
  const server = createServer().listen(0, '127.0.0.1')
  hub.attach(server)
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const poll = `http://127.0.0.1:${port}/live?rt.via=long-polling&rt.n=0`
  for (const [url, headers] of [
    [poll, { authorization: 'Bearer abc.def' }],
    [`${poll}&rt.token=ghi`, {}],
    [poll, {}],
  ] as const)
    await (await fetch(url, { headers })).text()
  expect(seen).toEqual(['abc.def', 'ghi', undefined])
  await hub.close()
  server.close()
})
