import { redisLog } from './server/index.ts'
const log = redisLog({ cluster: { nodes: ['redis://127.0.0.1:17391'] }, shards: 1, prefix: 'p' + Date.now() })
const heard: string[] = []
log.listen({ heard: e => void heard.push(`${e.seq}`), missed: s => console.log('missed', s), moved: t => console.log('moved', t), failed: e => console.log('failed', e) })
await new Promise(r => setTimeout(r, 500))
for (const t of ['a', 'b', 'rt.to.somebody']) log.follow?.(t)
await log.followed?.(['a', 'b', 'rt.to.somebody'])
const text = { event: undefined, data: 'x', encoding: undefined }
await Promise.all(Array.from({ length: 30 }, (_, n) => log.append(['a', 'b', 'rt.to.somebody'][n % 3] as string, text)))
await new Promise(r => setTimeout(r, 2500))
console.log(heard.join(' '))
await log.close()
