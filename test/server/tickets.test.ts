/** What stands for a credential in an address: sealed, good once, and not for long. */
import { expect, it, vi } from 'vitest'
import { createTickets } from '../../server/http/tickets.ts'
import { createHub, memoryLog } from '../../server/index.ts'
import {
  address,
  ask,
  called,
  listen,
  message,
  parse,
  type Stand,
  stand,
  stopTime,
  until,
  witness,
} from './harness.ts'

const secret = 'hunter2.of-a-page'
const poll = { 'rt.via': 'long-polling', 'rt.n': 0 }

/** As the SDK fetches it. */
function fetchTicket(at: Stand, headers: Record<string, string> = {}) {
  return ask(address(at, { 'rt.via': 'ticket' }), {
    method: 'POST',
    headers: { 'content-type': 'text/event-stream', ...headers },
    body: 'event: rt.ticket\ndata\n\n',
  })
}

async function ticketOf(at: Stand): Promise<string> {
  const { text } = await fetchTicket(at, { authorization: `Bearer ${secret}` })
  const [{ event, data = '' } = {}] = parse(text)
  expect(event).toBe('rt.ticket')
  return data
}

it.each(['eventsource', 'iframe', 'bare'] as const)(
  'stands for the token over %s, which authorize is shown, and nothing of it is in the address',
  async via => {
    const { seen, authorize } = witness()
    const at = await stand({ authorize })
    const ticket = await ticketOf(at)
    expect(seen).toEqual([])
    await listen(at, via, { 'rt.ticket': ticket }).opened()
    expect(seen).toMatchObject([{ token: secret, principal: undefined }])
    expect(Buffer.from(ticket, 'base64url').toString('latin1')).not.toContain('hunter2')
    expect(`${seen[0]?.url}`).not.toContain('hunter2')
  },
)

it('stands for the token in what JSONP asks and sends', async () => {
  const { seen, authorize } = witness()
  const at = await stand({ authorize })
  const jsonp = { 'rt.via': 'jsonp', 'rt.cb': '_rt1', 'rt.n': 0 }
  const answer = await ask(address(at, { ...jsonp, 'rt.ticket': await ticketOf(at) }))
  const session = JSON.parse(parse(called(answer.text))[0]?.data ?? '').session
  const up = message(1, 'up')
  const sends = { 'rt.sid': session, 'rt.up': up, 'rt.at': 0, 'rt.of': up.length }
  const heard = vi.fn()
  at.hub.on('message', ({ data }) => heard(data))
  await ask(address(at, { ...jsonp, ...sends, 'rt.ticket': await ticketOf(at) }))
  expect(seen.map(({ token }) => token)).toEqual([secret, secret])
  expect(heard).toHaveBeenCalledWith('up')
})

it('is good once, however it is written', async () => {
  const { seen, authorize } = witness()
  const at = await stand({ authorize })
  const ticket = await ticketOf(at)
  await listen(at, 'eventsource', { 'rt.ticket': ticket }).opened()
  for (const again of [ticket, `${ticket}=`, `${ticket}\0`]) {
    const ear = listen(at, 'eventsource', { 'rt.ticket': again })
    expect((await ear.next('rt.fail')).data).toContain('"status":401')
  }
  expect(seen).toHaveLength(1)
})

it('is good for 30 seconds', async () => {
  const time = stopTime()
  const at = await stand()
  const [early, late] = [at.hub.ticket('ann'), at.hub.ticket('ann')]
  time.pass(29_999)
  expect((await ask(address(at, { ...poll, 'rt.ticket': early }))).status).toBe(200)
  time.pass(1)
  expect(await ask(address(at, { ...poll, 'rt.ticket': late }))).toMatchObject({
    status: 401,
    text: 'the ticket is too old\n',
  })
})

it('says of itself alone that it was refused, so that another transport is tried', async () => {
  const at = await stand()
  const ear = listen(at, 'eventsource', { 'rt.ticket': 'made up' })
  expect(JSON.parse((await ear.next('rt.fail')).data ?? '')).toMatchObject({ status: 401, only: true })
})

it.each([
  ['nothing', () => ''],
  ['what is none', () => 'x'.repeat(200)],
  ['one with a bit turned', (ticket: string) => ticket.replace(/.$/, last => (last === 'A' ? 'Q' : 'A'))],
  ['one without its end', (ticket: string) => ticket.slice(0, -4)],
  ['the tag alone', (ticket: string) => ticket.slice(-22)],
  ['one of another server', () => createTickets(undefined, 1).make({ principal: 'ann' })],
])('is refused with 401: %s', async (_, forge) => {
  const { seen, authorize } = witness()
  const at = await stand({ authorize })
  const forged = forge(at.hub.ticket('ann'))
  expect(await ask(address(at, { ...poll, 'rt.ticket': forged }))).toMatchObject({
    status: 401,
    text: expect.stringContaining('ticketKey'),
  })
  expect(seen).toEqual([])
})

it('of one node is taken by another that has the same ticketKey', async () => {
  const ticketKey = 'k'.repeat(32)
  const [one, other] = [await stand({ ticketKey }), await stand({ ticketKey })]
  const asked = { ...poll, 'rt.ticket': one.hub.ticket('ann') }
  expect((await ask(address(other, asked))).status).toBe(200)
})

it('of one node is taken by those that share its log and can reach it, once by all together', async () => {
  const log = memoryLog()
  const all = await Promise.all([1, 2, 3].map(() => stand({ log })))
  await until(() => all.every(({ hub }) => hub.stats().nodes === 3))
  const [one, ...others] = all as [Stand, Stand, Stand]
  const tickets = [1, 2, 3, 4].map(() => one.hub.ticket('ann'))
  for (const ticket of tickets) {
    const asked = { ...poll, 'rt.ticket': ticket }
    const answers = await Promise.all(others.map(other => ask(address(other, asked))))
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 401])
    expect((await ask(address(one, asked))).text).toBe('the ticket was used\n')
  }
})

it('is remembered for as long as it is good: too many are refused for a moment, and none is let in twice', async () => {
  const time = stopTime()
  const at = await stand({ limits: { tickets: 2 } })
  const enter = (ticket: string) => ask(address(at, { ...poll, 'rt.ticket': ticket }))
  const all = Array.from({ length: 3 }, () => at.hub.ticket('ann'))
  const answers = []
  for (const ticket of all) answers.push((await enter(ticket)).status)
  expect(answers).toEqual([200, 200, 503])
  expect((await enter(all[0] as string)).status).toBe(401)
  time.pass(30_000)
  expect((await enter(at.hub.ticket('ann'))).status).toBe(200)
})

it('that the application makes lets in whom it is for, who is the session’s principal', async () => {
  const { seen, authorize } = witness()
  const at = await stand({ authorize })
  const principals: unknown[] = []
  at.hub.on('open', ({ session }) => void principals.push(session.principal))
  await listen(at, 'bare', { 'rt.ticket': at.hub.ticket('ann') }).opened()
  expect(seen).toMatchObject([{ token: undefined, principal: 'ann' }])
  expect(principals).toEqual(['ann'])
})

it.each([undefined, '', 7])('is made for nobody else than a text: %j', principal => {
  const hub = createHub()
  expect(() => hub.ticket(principal as never)).toThrow(/^ticket: the principal is .*; it has to be a text$/)
  void hub.close()
})

it.each([['short'], [32], [null]])(
  'has no key that could be guessed, or is shown in an error: %j',
  ticketKey => {
    expect(() => createHub({ ticketKey: ticketKey as never })).toThrow(
      'createHub: ticketKey is too short, or no text; it has to be a text of 32 characters or more',
    )
  },
)

it.each([
  ['nobody without a token', {}, 401],
  ['no form of another site', { authorization: 'Bearer x', 'content-type': 'text/plain' }, 415],
  ['no page of a stranger', { authorization: 'Bearer x', origin: 'https://stranger.example' }, 403],
])('is given to %s', async (_, headers, status) => {
  const at = await stand()
  expect((await fetchTicket(at, headers)).status).toBe(status)
})
