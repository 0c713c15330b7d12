import { encode } from '../../src/wire/encoder.ts'
import type { Context } from '../context.ts'
import { grant } from '../http/access.ts'
import { createReader } from '../http/body-reader.ts'
import { headFor } from '../http/head.ts'
import { type HubRequest, targetOf } from '../http/hub-request.ts'
import { refusal } from '../http-error.ts'
import type { Incoming, Outgoing } from '../wire/exchange.ts'
import { bodyOf, checkType } from './post.ts'
import { sendText } from './responses.ts'

/** Takes a query that is too long for an address, from whoever may come with it, and answers with its name. */
export async function serveQuery(
  context: Context,
  ask: HubRequest,
  request: Incoming,
  response: Outgoing,
): Promise<void> {
  checkType(ask)
  const { longQueries } = context.settings
  const query = await readQuery(context, request)
  const url = new URL(ask.url)
  url.search = `${query}&${ask.url.search.slice(1)}`
  const name = longQueries.nameOf(query)
  await grant({ ...ask, url }, context.settings)
  longQueries.keep(name, query)
  await context.cluster?.common?.tellQuery(name, query)
  sendText(response, headFor(ask), 200, 'text/event-stream', encode({ event: 'rt.query', data: name }))
}

/** Learns the query that an address names, if another node was told it. */
export function learnQuery(context: Context, request: Incoming): Promise<void> | undefined {
  const name = /[?&]rt\.q=([\w-]{22})(?:&|$)/.exec(targetOf(request))?.[1]
  const isNew = name !== undefined && context.settings.longQueries.find(name) === undefined
  return isNew ? learn(context, name) : undefined
}

async function learn({ cluster, settings }: Context, name: string): Promise<void> {
  const { longQueries } = settings
  const query = await cluster?.common?.queryOf(name)
  if (query !== undefined && longQueries.nameOf(query) === name) longQueries.keep(name, query)
}

/** Reads the query from the body. Its bytes count with those of all queries, since there is no session yet. */
async function readQuery(context: Context, request: Incoming): Promise<string> {
  const { limits, longQueries } = context.settings
  const length = Number(request.headers['content-length'] ?? Number.NaN)
  if (Number.isNaN(length)) throw refusal(411, 'the POST of a query has to tell its Content-Length')
  if (length > limits.message) throw refusal(413, 'too much at once')
  const release = longQueries.arriving(length)
  try {
    const reader = createReader(limits)
    const pieces: Buffer[] = []
    for await (const chunk of bodyOf(context, request)) pieces.push(chunk as Buffer)
    reader.feed(Buffer.concat(pieces).toString(), length)
    const [block, ...more] = reader.blocks
    if (block?.event === 'rt.query' && more.length === 0) return block.data ?? ''
    throw refusal(400, 'the POST has to hold one rt.query and nothing else')
  } finally {
    release()
  }
}
