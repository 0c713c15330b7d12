import { createParser } from '../../../src/wire/parser.ts'
import { byRequest, type Case, every, everyPoll } from '../case.ts'
import { ask, binaryFrame, brief, type Headers, openChannel, type Place, tokenName } from '../channel.ts'
import { between, isMessage, type Trial } from '../trial.ts'
import { Breach, expect, expectSame, NotTried } from '../verdict.ts'
import { earOf } from './format.ts'

const url = 'One URL'
const transports = 'The five transports'
const typed = { 'content-type': 'text/event-stream' }

export const requests: Case[] = [
  {
    name: 'url.version-absent',
    clause: url,
    rule: 'a request without `rt.v` is one of version 1',
    over: every,
    run: async trial => void (await trial.listen(trial.via, { 'rt.v': undefined })),
  },
  {
    name: 'url.version-2',
    clause: url,
    rule: 'a client of version 2 is served',
    over: every,
    run: async trial => void (await trial.listen(trial.via, { 'rt.v': '2' })),
  },
  {
    name: 'url.last-event-id',
    clause: url,
    rule: 'a header `Last-Event-ID` wins over `rt.id`, which a browser that reconnects by itself repeats',
    over: byRequest,
    async run(trial) {
      const { mark, via } = trial
      const texts = ['a', 'b', 'c'].map(name => `${mark}${name}`)
      const ear = await trial.listen(via)
      await trial.publish(...texts.map(data => ({ data })))
      const [first, second] = await between(ear, `${mark}a`, `${mark}c`)
      const later = await trial.listen(via, { 'rt.id': first?.id }, { 'last-event-id': second?.id ?? '' })
      const next = await later.next(`the message ${mark}c`, isMessage)
      expectSame(next.data, `${mark}c`, 'the first message')
    },
  },
  {
    name: 'url.headers',
    clause: transports,
    rule: 'responses say `no-store, no-transform`, `X-Accel-Buffering: no` and `nosniff`',
    over: byRequest,
    async run(trial) {
      const { headers } = await (await trial.listen(trial.via)).head
      // nginx keeps the header that is for it to itself.
      const isNginx = /nginx/i.test(`${headers.server}`)
      for (const [name, words] of commonHeaders.filter(([name]) => !isNginx || name !== 'x-accel-buffering'))
        for (const word of words)
          expect(
            `${headers[name] ?? ''}`.toLowerCase().includes(word),
            `${word} in ${name}`,
            headers[name] ?? 'no such header',
          )
    },
  },
  {
    name: 'url.content-type',
    clause: transports,
    rule: 'the answer is `text/event-stream`, over JSONP `text/javascript`',
    over: byRequest,
    async run(trial) {
      const { headers } = await (await trial.listen(trial.via)).head
      const type = trial.via === 'jsonp' ? 'text/javascript' : 'text/event-stream'
      const came = `${headers['content-type']}`
      expect(new RegExp(`^${type}\\s*(;|$)`, 'i').test(came), `Content-Type ${type}`, came)
    },
  },
  {
    name: 'websocket.frames',
    clause: transports,
    rule: 'each frame of a WebSocket is text, and carries whole blocks',
    over: ['websocket'],
    async run(trial) {
      const channel = await heardThrough(trial)
      for (const piece of channel.pieces) {
        expect(piece !== binaryFrame, 'frames of text', 'one of bytes')
        expect(/(\n\n|\r\r|\r\n\r\n)$/.test(piece), 'a frame that ends with a blank line', brief(piece))
      }
    },
  },
  {
    name: 'eventsource.wrapped',
    clause: transports,
    rule: 'each line for an EventSource begins with `data: `, and each event has whole blocks',
    over: ['eventsource'],
    async run(trial) {
      const channel = await heardThrough(trial)
      const text = channel.pieces.join('')
      const stray = text.split(/\r\n|\r|\n/).find(line => line !== '' && !/^(data:|:)/.test(line))
      expect(stray === undefined, 'lines that begin with data:', brief(stray ?? ''))
      for (const { data = '' } of createParser().feed(text))
        expect(/(^|\n)\n$/.test(data), 'an event whose text ends with a blank line', brief(data))
    },
  },
  {
    name: 'poll.held',
    clause: transports,
    rule: 'a poll to which there is nothing to say is held until there is',
    over: everyPoll,
    async run(trial) {
      const channel = await trial.listen(trial.via)
      const before = channel.pieces.length
      await trial.publish({ data: trial.mark })
      await channel.next(`the message ${trial.mark}`, ({ data }) => data === trial.mark)
      const empty = channel.pieces.slice(before).filter(piece => createParser().feed(piece).length === 0)
      expect(empty.length === 0, 'no answer without a block', `${empty.length} of them`)
    },
  },
  {
    name: 'poll.after-zero',
    clause: '`rt.open`: first block of every channel',
    rule: '`rt.open` opens the answer to request 0 only',
    over: everyPoll,
    async run(trial) {
      const channel = await trial.listen(trial.via)
      for (const end of ['a', 'b']) {
        await trial.publish({ data: trial.mark + end })
        await channel.next(`the message ${trial.mark}${end}`, ({ data }) => data === trial.mark + end)
      }
      const opened = channel.blocks.filter(({ event }) => event === 'rt.open').length
      expectSame(opened, 1, 'the number of rt.open in one channel')
    },
  },
  {
    name: 'jsonp.call',
    clause: transports,
    rule: 'JSONP is `/**/<callback>("<the text as a JSON string>");`, with U+2028, U+2029 and `<` escaped',
    over: ['jsonp'],
    async run(trial) {
      const data = `${trial.mark}</script>\u2028\u2029`
      const first = await trial.listen('jsonp')
      await trial.publish({ data })
      const { id, data: came } = await first.next('the message', isMessage)
      expectSame(came, data, 'the message')
      const { text } = await trial.ask({ 'rt.via': 'jsonp', 'rt.n': 0, 'rt.cb': '_rt0a' })
      expect(text.startsWith('/**/_rt0a("'), 'a script that begins with /**/_rt0a("', brief(text))
      // From before it: so this answer has the message.
      const again = await trial.ask({
        'rt.via': 'jsonp',
        'rt.n': 0,
        'rt.cb': '_rt1b',
        'rt.id': first.first.id,
      })
      const found = /[<\u2028\u2029]/.exec(again.text)
      const shown = found ? brief(again.text.slice(found.index - 20, found.index + 20)) : ''
      expect(found === null, `no <, U+2028 or U+2029 in a script (the message was ${id})`, shown)
    },
  },
  {
    name: 'jsonp.callback',
    clause: url,
    rule: 'a callback that is not `^_rt[0-9a-z]{1,32}$` is answered 400',
    over: ['jsonp'],
    async run(trial) {
      for (const name of ['alert(1)', '_rt', '_rtA', `_rt${'a'.repeat(33)}`, undefined]) {
        const { status, text } = await trial.ask({ 'rt.via': 'jsonp', 'rt.n': 0, 'rt.cb': name })
        expect(
          status === 400,
          `status 400 for the callback ${name ?? 'that is missing'}`,
          `${status} ${brief(text)}`,
        )
      }
    },
  },
  {
    name: 'token.subprotocol',
    clause: 'One URL',
    rule: 'of the subprotocols `rt.1` and the one with the token a server answers with `rt.1`, and with none where none is offered',
    over: ['websocket'],
    async run(trial) {
      const token = trial.place.token ?? 'check'
      const offered = { 'sec-websocket-protocol': `${tokenName(token)}, rt.1` }
      const { headers } = await trial.open('websocket', {}, offered).head
      expectSame(headers['sec-websocket-protocol'], 'rt.1', 'the subprotocol that was chosen')
      if (trial.place.token !== undefined) return
      const plain = await trial.open('websocket').head
      expectSame(plain.headers['sec-websocket-protocol'] ?? '', '', 'the subprotocol where none was offered')
    },
  },
  {
    name: 'ticket.once',
    clause: 'A ticket',
    rule: 'a ticket stands for the credential once; then it is refused with 401, or another word of that, and `only`',
    over: ['eventsource', 'jsonp'],
    async run(trial) {
      const ticket = await fetchTicket(trial, { authorization: `Bearer ${trial.place.token ?? 'check'}` })
      expect(/^[\w.~-]+$/.test(ticket), 'a ticket of characters that need no escape', brief(ticket))
      const how = { 'rt.ticket': ticket }
      const bare = { authorization: '' }
      await trial.listen(trial.via, how, bare)
      const refused = await trial.open(trial.via, how, bare).next('rt.fail', () => true)
      expectSame(refused.event, 'rt.fail', 'the answer to a ticket that was used')
      const { status, only } = JSON.parse(refused.data ?? '{}')
      expectSame({ status, only }, { status: 401, only: true }, 'the refusal')
    },
  },
  {
    name: 'ticket.credential',
    clause: 'A ticket',
    rule: 'a POST for a ticket that shows no credential is answered 401',
    async run(trial) {
      await fetchTicket(trial, { authorization: `Bearer ${trial.place.token ?? 'check'}` })
      const { status } = await askTicket(trial, { authorization: '' })
      expectSame(status, 401, 'the status')
    },
  },
  {
    name: 'query.name',
    clause: 'A long query',
    rule: "`rt.q` with a query's name stands for the query, and the same query has the same name",
    over: every,
    async run(trial) {
      const { place } = trial
      const query = place.url.search.slice(1)
      if (!query) throw new NotTried('the address has no query of its own')
      const name = await tellQuery(trial, query)
      expectSame(await tellQuery(trial, query), name, 'the name of the same query')
      const short = withoutQuery(place)
      const channel = await trial.listen(trial.via)
      await trial.publish({ data: trial.mark })
      await channel.next('the message', ({ data }) => data === trial.mark)
      const other = openChannel(short, trial.via, { 'rt.q': name, 'rt.id': channel.first.id })
      try {
        await other.next(
          `the message ${trial.mark} by the name of the query`,
          ({ data }) => data === trial.mark,
        )
      } finally {
        other.close()
      }
    },
  },
  {
    name: 'query.unknown',
    clause: 'A long query',
    rule: 'a name that is not known is answered 410, and a query with parameters of the protocol 400',
    async run(trial) {
      await tellQuery(trial, 'a=b')
      const via = earOf(trial) === 'websocket' ? undefined : 'xhr-streaming'
      const { status } = await trial.ask({ 'rt.via': via, 'rt.q': `unknown-${trial.mark}` })
      expectSame(status, 410, 'the status of a name that is not known')
      const told = await postQuery(trial, 'a=b&rt.id=x')
      expectSame(told.status, 400, 'the status of a query with rt.id')
    },
  },
]

const commonHeaders: [string, string[]][] = [
  ['cache-control', ['no-store', 'no-transform']],
  ['x-accel-buffering', ['no']],
  ['x-content-type-options', ['nosniff']],
]

/** A channel that has brought its `rt.open` and a message. */
async function heardThrough(trial: Trial) {
  const channel = await trial.listen(trial.via)
  const data = `${trial.mark}\nand more`
  await trial.publish({ data })
  await channel.next('the message', block => block.data === data)
  return channel
}

function askTicket(trial: Trial, headers: Headers) {
  const asked = { method: 'POST', headers: { ...typed, ...headers }, body: 'event: rt.ticket\ndata\n\n' }
  return trial.ask({ 'rt.via': 'ticket' }, asked)
}

async function fetchTicket(trial: Trial, headers: Headers): Promise<string> {
  const { status, text } = await askTicket(trial, headers)
  return blockIn(status, text, 'rt.ticket')
}

function postQuery(trial: Trial, query: string) {
  const asked = { method: 'POST', headers: typed, body: `event: rt.query\ndata: ${query}\n\n` }
  return ask(withoutQuery(trial.place), { 'rt.via': 'query' }, asked)
}

function withoutQuery(place: Place): Place {
  return { ...place, url: new URL(place.url.pathname, place.url) }
}

async function tellQuery(trial: Trial, query: string): Promise<string> {
  const { status, text } = await postQuery(trial, query)
  return blockIn(status, text, 'rt.query')
}

function blockIn(status: number, text: string, event: 'rt.ticket' | 'rt.query'): string {
  if (status >= 400 && status < 500) throw new NotTried(`not offered: the POST for it is answered ${status}`)
  const [block] = createParser().feed(text)
  if (status === 200 && block?.event === event && block.data) return block.data
  throw new Breach(`200 with a block ${event}`, `${status} ${brief(text)}`)
}
