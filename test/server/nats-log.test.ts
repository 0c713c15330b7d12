import { afterAll, beforeAll, describe, onTestFinished } from 'vitest'
import { type NatsLogOptions, natsLog } from '../../server/nats.ts'
import { logContract, logOptions } from './log-contract.ts'
import { missingNats, type Nats, startNats } from './nats.ts'

let nats: Nats
let prefixes = 0
const freshPrefix = () => `test-${prefixes++}`
const here = `a log in NATS${missingNats ? ` (${missingNats})` : ''}`

describe.skipIf(missingNats)(here, { timeout: 120_000 }, () => {
  beforeAll(async () => {
    nats = await startNats()
  })
  afterAll(() => nats.close())

  logContract({ make: options => node({ prefix: freshPrefix(), ...options }), histories: 30 })
  logOptions(options => node({ prefix: freshPrefix(), ...options }))
})

function node(options: NatsLogOptions = {}) {
  const log = natsLog({ servers: nats.url, patience: 30_000, ...options })
  onTestFinished(() => log.close())
  return log
}
