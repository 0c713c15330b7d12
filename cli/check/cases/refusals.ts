import { byRequest, type Case, every } from '../case.ts'
import { brief, type Channel, type Headers, type Via } from '../channel.ts'
import type { Trial } from '../trial.ts'
import { expect, expectSame, NotTried } from '../verdict.ts'

const clause = '`rt.fail`: refused, and why'
const foreign = 'https://elsewhere.invalid'

export const refusals: Case[] = [
  {
    name: 'fail.version',
    clause,
    rule: 'another version than 1 and 2 is answered 400, in the form that the transport has for a refusal',
    over: every,
    run: trial => expectRefused(trial, trial.via, { 'rt.v': '99' }, {}, 400),
  },
  {
    name: 'fail.method',
    clause: 'Statuses',
    rule: 'a method that is not for the URL is answered 405, or another status from 400 to 499',
    async run(trial) {
      for (const method of ['PUT', 'DELETE']) {
        const { status } = await trial.ask({}, { method })
        expect(status >= 400 && status < 500, `a status from 400 to 499 for ${method}`, status)
      }
    },
  },
  {
    name: 'fail.handshake',
    clause: 'Statuses',
    rule: "a WebSocket's `rt.via` without a handshake is answered 426, or another status from 400 to 499",
    async run(trial) {
      const { status } = await trial.ask({ 'rt.via': 'websocket' })
      expect(status >= 400 && status < 500, 'a status from 400 to 499', status)
    },
  },
  {
    name: 'origin.own',
    clause,
    rule: "a page of the server's own origin may connect",
    over: every,
    run: async trial => void (await trial.listen(trial.via, {}, { origin: trial.place.url.origin })),
  },
  {
    name: 'origin.foreign',
    clause,
    rule: 'a page of another origin is refused with 403 and cannot read the answer, or is let in and can',
    over: every,
    async run(trial) {
      const channel = trial.open(trial.via, {}, { origin: foreign })
      const { headers } = await channel.head
      const readable = headers['access-control-allow-origin']
      if (await isLetIn(channel)) {
        if (!isReadByCors(trial.via)) return
        return expect(
          readable === foreign || readable === '*',
          `Access-Control-Allow-Origin ${foreign}`,
          readable ?? 'none',
        )
      }
      expectSame(readable ?? 'none', 'none', 'Access-Control-Allow-Origin of a refusal')
      await expectRefused(trial, trial.via, {}, { origin: foreign }, 403)
    },
  },
  {
    name: 'origin.hidden',
    clause,
    rule: 'a page of another origin that hides which (`Sec-Fetch-Site` alone says so) is refused as one that may not connect',
    over: byRequest,
    async run(trial) {
      await needsForeignRefused(trial)
      await expectRefused(trial, trial.via, {}, { 'sec-fetch-site': 'cross-site' }, 403)
    },
  },
  {
    name: 'origin.called-foreign',
    clause,
    rule: "an origin that a browser calls another one's is never the server's own, whatever `Host` says",
    over: byRequest,
    async run(trial) {
      await needsForeignRefused(trial)
      const headers = { origin: trial.place.url.origin, 'sec-fetch-site': 'cross-site' }
      await expectRefused(trial, trial.via, {}, headers, 403)
    },
  },
  {
    name: 'origin.jsonp-untold',
    clause,
    rule: 'JSONP is answered only where the request tells an allowed origin; elsewhere it is refused, with `only`',
    over: ['jsonp'],
    async run(trial) {
      const told = await trial
        .open('jsonp', {}, { referer: '' })
        .next('rt.fail to a request that tells no origin', () => true)
      expectSame(told.event, 'rt.fail', 'the answer to a request that tells no origin')
      const { status, only } = JSON.parse(told.data ?? '{}')
      expectSame({ status, only }, { status: 403, only: true }, 'rt.fail')
    },
  },
  {
    name: 'origin.post',
    clause,
    rule: 'a POST of a page whose origin may not connect is refused with 403',
    by: ['post'],
    async run(trial) {
      await needsForeignRefused(trial)
      const up = await trial.sender('post')
      const { status } = await trial.post(up.session, 'id: 1\ndata: x\n\n', { origin: foreign })
      expectSame(status, 403, 'the status')
    },
  },
  {
    name: 'cors.read',
    clause,
    rule: 'a page of an origin that may connect can read the answer (`Access-Control-Allow-Origin`)',
    over: byRequest.filter(via => via !== 'jsonp'),
    async run(trial) {
      const origin = listed(trial)
      const { headers } = await (await trial.listen(trial.via, {}, { origin })).head
      expectReadable(headers, origin)
    },
  },
  {
    name: 'cors.post',
    clause,
    rule: 'a page of an origin that may connect is let ask whether it may POST, and can read the answer',
    by: ['post'],
    async run(trial) {
      const origin = listed(trial)
      const query = { 'rt.via': 'post', 'rt.sid': trial.mark }
      const asks = {
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type',
      }
      const before = await trial.ask(query, { method: 'OPTIONS', headers: { origin, ...asks } })
      expect(before.status >= 200 && before.status < 300, '2xx to a preflight request', before.status)
      expectReadable(before.headers, origin)
      const allowed = `${before.headers['access-control-allow-headers']}`
      expect(
        /content-type|\*/i.test(allowed),
        'content-type in Access-Control-Allow-Headers of the preflight',
        allowed,
      )
      const up = await trial.sender('post')
      const { status, headers } = await trial.post(up.session, 'id: 1\ndata: x\n\n', { origin })
      // A session belongs to the origin that it began on: to another one it is unknown.
      expect(status === 200 || status === 404, '200, or 404 for a session of another origin', status)
      expectReadable(headers, origin)
    },
  },
]

/** How each transport tells a refusal: the table of PROTOCOL.md. */
async function expectRefused(
  trial: Trial,
  via: Via,
  query: Record<string, string>,
  headers: Headers,
  status: number,
): Promise<void> {
  const channel = trial.open(via, query, headers)
  const head = await channel.head
  if (via === 'websocket') {
    expectSame(head.status, 101, 'the status of a handshake whose refusal is a frame')
    await expectFail(channel, status)
    const code = await Promise.race([channel.ended, later(trial)])
    return expectSame(code, status >= 500 ? 1011 : 1008, 'the close code')
  }
  if (via === 'eventsource' || via === 'jsonp') {
    expectSame(head.status, 200, `the status of a refusal over ${via}`)
    return expectFail(channel, status)
  }
  expectSame(head.status, status, 'the status')
  const type = `${head.headers['content-type']}`
  expect(/^text\/plain/.test(type), 'the reason as text/plain', type)
}

async function expectFail(channel: Channel, status: number): Promise<void> {
  const told = await channel.next('rt.fail', () => true)
  expectSame(told.event, 'rt.fail', 'the first block')
  const said = JSON.parse(told.data || '{}')
  expectSame(said.status, status, 'the status in rt.fail')
  expect(
    typeof said.message === 'string' && said.message !== '',
    'a message for people',
    brief(told.data ?? ''),
  )
}

async function isLetIn(channel: Channel): Promise<boolean> {
  const { status } = await channel.head
  if (status !== 200 && status !== 101) return false
  const first = await channel.next('the first block', () => true)
  return first.event === 'rt.open'
}

async function needsForeignRefused(trial: Trial): Promise<void> {
  const via = trial.offer.channels[0] as Via
  if (await isLetIn(trial.open(via, {}, { origin: foreign })))
    throw new NotTried('pages of any origin may connect here')
}

/** A script tag and a WebSocket are read without it. */
function isReadByCors(via: Via): boolean {
  return via !== 'websocket' && via !== 'jsonp'
}

function expectReadable(headers: Record<string, unknown>, origin: string): void {
  const came = headers['access-control-allow-origin']
  expect(came === origin || came === '*', `Access-Control-Allow-Origin ${origin}`, `${came ?? 'none'}`)
}

function listed({ given }: Trial): string {
  if (given.origin === undefined) throw new NotTried('--origin names no other origin whose pages may connect')
  return given.origin
}

async function later({ place }: Trial): Promise<string> {
  await new Promise(resolve => setTimeout(resolve, place.patience))
  return 'nothing, the socket is still open'
}
