/** HAProxy as docs/load-balancers.md has it, before nodes that are ready or not. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { documented, placed, shown } from '../../e2e/network/documented.ts'
import { missing, startProgram } from '../../e2e/network/programs.ts'
import { ask, until } from './harness.ts'

const rules = await shown('haproxy')
const reason = missing(documented('haproxy', rules, same => same))

describe.skipIf(reason)(`HAProxy as the docs have it${reason ? ` (${reason})` : ''}`, () => {
  it('brings nobody new to a node that is not ready, whose clients go on there until it refuses them', async () => {
    const { nodes, visit } = await behindHAProxy()
    const first = await visit()
    const home = nodes.find(({ name }) => name === first.name) as Node
    await home.becomes(false)
    for (let times = 0; times < 9; times++) expect((await visit()).name).not.toBe(home.name)
    expect((await visit(first.cookie)).name).toBe(home.name)
    home.refuses = true
    const moved = await visit(first.cookie)
    expect(moved).toMatchObject({ status: 200, cookie: expect.any(String) })
    expect(moved.name).not.toBe(home.name)
    expect((await visit(moved.cookie)).name).toBe(moved.name)
    home.refuses = false
    await home.becomes(true)
    await expect.poll(async () => (await visit()).name, { interval: 1 }).toBe(home.name)
  })

  it('lets clients go on where they are while no node is ready', async () => {
    const { nodes, visit } = await behindHAProxy()
    const before = await visit()
    await Promise.all(nodes.map(node => node.becomes(false)))
    expect((await visit()).status).toBe(503)
    expect(await visit(before.cookie)).toMatchObject({ status: 200, name: before.name })
  })
})

type Node = Awaited<ReturnType<typeof startNode>>

async function behindHAProxy() {
  const nodes = await Promise.all(['one', 'two', 'three'].map(startNode))
  const ports = nodes.map(({ port }) => port)
  const box = await startProgram(documented('haproxy', rules, text => placed(text, ports)))
  onTestFinished(box.close)
  await Promise.all(nodes.map(node => node.becomes(true)))
  return { nodes, visit }

  /** Who answers, and by which cookie it is found again. */
  async function visit(cookie?: string) {
    const { status, text, headers } = await ask(`${box.url}/live`, { headers: cookie ? { cookie } : {} })
    return { status, name: text, cookie: headers['set-cookie']?.[0]?.split(';')[0] }
  }
}

/** It answers with its name. */
async function startNode(name: string) {
  let checks = 0
  const node = { name, port: 0, ready: true, refuses: false, becomes }
  const server = createServer(({ url }, answer) => {
    const isCheck = url === '/live/ready'
    if (isCheck) checks++
    answer.statusCode = (isCheck ? node.ready : !node.refuses) ? 200 : 503
    answer.end(name)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  node.port = (server.address() as AddressInfo).port
  return node

  /** Settles when HAProxy knows: what it was told at the first check counts by the time of the next. */
  async function becomes(ready: boolean): Promise<void> {
    node.ready = ready
    const before = checks
    await until(() => checks >= before + 2)
  }
}
