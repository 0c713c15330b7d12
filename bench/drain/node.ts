/** A node of the cluster that is restarted: it listens when it is told on which port, and goes as docs/growing.md says when it is told by SIGTERM. */
import { once } from 'node:events'
import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from 'redis'
import { createHub, redisLog } from '../../server/index.ts'

/** What a node tells. */
export type Told =
  | { type: 'listens'; port: number }
  | { type: 'error'; message: string }
  | { type: 'over'; connects: number[]; refused: Record<string, number> }

const [url = '', admission = ''] = process.argv.slice(2)
const connects: number[] = []
const refused: Record<string, number> = {}
const [port] = (await once(process, 'message')) as [number]
const books = createClient({ url })
await books.connect()
const log = redisLog({ url })
const hub = createHub({
  log,
  admission: Number(admission),
  trustProxy: ['127.0.0.1'],
  authorize(request) {
    const isNew = request.transport !== 'post' && !Number(request.url.searchParams.get('rt.n'))
    if (isNew) connects.push(Date.now())
    return ['lobby']
  },
})
// It is taken once it stands in the books.
hub.on('message', async ({ data }) => void (await books.rPush('taken', String(data))))
hub.on('error', error => tell({ type: 'error', message: String(error) }))
hub.on('refused', ({ status, message }) => {
  refused[`${status} ${message}`] = (refused[`${status} ${message}`] ?? 0) + 1
})
const server = http.createServer((_, response) => response.writeHead(404).end())
hub.attach(server)
while (!log.ready) await sleep(20)
server.listen(port, '127.0.0.1')
await once(server, 'listening')
process.once('SIGTERM', () => void leave())
tell({ type: 'listens', port })

/** In the order that docs/load-balancers.md has for HAProxy, which sees by the 503 that it has to go on to another node. */
async function leave(): Promise<void> {
  await hub.drain({ within: 20_000 })
  server.close()
  await hub.close()
  await Promise.all([log.close(), books.close()])
  tell({ type: 'over', connects, refused })
  process.disconnect()
}

function tell(what: Told): void {
  process.send?.(what)
}
