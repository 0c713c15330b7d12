/** WHATWG HTML 9.2.5 and 9.2.6: how an event stream is read, the same over every channel. */
import type { Engine } from '../fixtures/engines.ts'
import { test } from '../fixtures/test.ts'
import { type Case, expectCases, sources } from './cases.ts'
import { startStand } from './stand.ts'

for (const channel of sources) {
  test(`${channel} reads an event stream as the standard says`, async ({ openPage, browserName }) => {
    await using stand = await startStand()
    await expectCases(cases, { stand, channel, page: await openPage(), engine: browserName as Engine })
  })
}

test('drop-in reads an event stream in a worker as the standard says', async ({ openPage, browserName }) => {
  await using stand = await startStand()
  const run = { stand, page: await openPage(), engine: browserName as Engine }
  await expectCases(cases, { ...run, channel: 'drop-in', where: 'Worker' })
})

const utf8 = (text: string) => new TextEncoder().encode(text)
const bytes = (...parts: (string | number[])[]) =>
  Buffer.concat(parts.map(part => (typeof part === 'string' ? utf8(part) : Uint8Array.from(part))))

/** A body, what of it is heard, and the end, after which nothing may have been added. */
function reads(name: string, body: string | Uint8Array | (string | Uint8Array)[], ...events: string[]): Case {
  const whole = [...[body].flat(), '\n\ndata: the end\n\n']
  return {
    name,
    script: [{ body: Array.isArray(body) ? whole : Buffer.concat(whole.map(part => Buffer.from(part))) }],
    names: ['test', 'other', 'error ', '__proto__', 'constructor', 'hasOwnProperty'],
    hears: heard(events),
  }
}

function heard(events: string[]): string[] {
  const id = events.at(-1)?.split(' #')[1]
  return ['open', ...events, id ? `message the end #${id}` : 'message the end']
}

/** The same, but for one browser, or one browser's EventSource, that goes its own way. */
function but(who: keyof NonNullable<Case['but']>, events: string[], usual: Case): Case {
  return butSome({ [who]: events }, usual)
}

/** The same for some of them. */
function butSome(some: NonNullable<Case['but']>, usual: Case): Case {
  const said = Object.entries(some).map(([who, events]) => [who, heard([...events])])
  return { ...usual, but: Object.fromEntries(said) }
}

const lines: Case[] = [
  reads(
    'takes LF, CR and CRLF as ends of a line',
    'data: a\n\ndata: b\r\rdata: c\r\n\r\ndata: d\n\r\n',
    ...all('a b c d'),
  ),
  reads(
    'takes a line end of each kind within one event',
    'data: a\ndata: b\rdata: c\r\ndata: d\r\r',
    'message a\nb\nc\nd',
  ),
  reads('takes LF CR as two line ends', 'data: a\n\rdata: b\n\r', 'message a', 'message b'),
  reads('joins a CRLF that comes in two pieces', ['data: a\r', '\ndata: b\r', '\n\r', '\n'], 'message a\nb'),
  reads(
    'ends an event at a CR without waiting for more',
    ['data: a\r\r', 'data: b\n\n'],
    'message a',
    'message b',
  ),
  reads(
    'does not take U+2028, U+0085 or VT as ends of a line',
    'data: a\u2028b\u0085c\vd\n\n',
    'message a\u2028b\u0085c\vd',
  ),
  reads('dispatches nothing for blank lines alone', '\n\n\n\r\r\r\n\r\ndata: a\n\n\n\n', 'message a'),
  reads('ignores comments', ': a comment\ndata: a\n:data: b\n:\n::\ndata: c\n\n:\n\n', 'message a\nc'),
  reads('reads a comment of 8 KB', `:${'x'.repeat(8192)}\ndata: a\n\n`, 'message a'),
]

const fields: Case[] = [
  reads(
    'removes one space after the colon and no other character',
    'data:a\ndata: b\ndata:  c\ndata:\td\ndata: \te\n\n',
    'message a\nb\n c\n\td\n\te',
  ),
  reads('keeps spaces at the end', 'data: a \ndata:  \n\n', 'message a \n '),
  reads(
    'takes a line without a colon as a field without a value',
    'data\n\ndata\ndata\n\ndata:a\ndata\n\n',
    'message ',
    'message \n',
    'message a\n',
  ),
  reads('joins data lines with LF', 'data: a\ndata: b\ndata:\ndata: c\n\n', 'message a\nb\n\nc'),
  reads('keeps an empty first data line', 'data:\ndata: a\n\n', 'message \na'),
  reads('keeps colons in a value', 'data:a:b: c\n\ndata: : d\n\n', 'message a:b: c', 'message : d'),
  reads(
    'compares field names letter by letter',
    'Data: a\nDATA: b\ndata : c\n data: d\ndatas: e\ndat: f\n\ndata: g\n\n',
    'message g',
  ),
  reads('ignores fields it does not know', 'x: 1\ndata: a\n5: b\nenc: base64\nevents: test\n\n', 'message a'),
  but(
    'firefox eventsource',
    ['message ab'],
    reads('reads NUL in data as it is', bytes('data: a', [0], 'b\n\n'), 'message a\0b'),
  ),
  reads('reads NUL as a character of a field name', bytes('da', [0], 'ta: a\ndata: b\n\n'), 'message b'),
]

const events: Case[] = [
  reads(
    'dispatches an event by its name, once',
    'event: test\ndata: a\n\ndata: b\n\n',
    'test a',
    'message b',
  ),
  reads('takes the last name of an event', 'event: test\nevent: other\ndata: a\n\n', 'other a'),
  reads(
    'takes an empty name as none',
    'event: test\nevent:\ndata: a\n\nevent\ndata: b\n\nevent: \ndata: c\n\n',
    ...all('a b c'),
  ),
  reads('takes "message" as the name it is', 'event: message\ndata: a\n\n', 'message a'),
  reads('drops the name of an event without data', 'event: test\n\ndata: a\n\n', 'message a'),
  reads('keeps the spaces of a name', 'event: error \ndata: a\n\n', 'error  a'),
  reads(
    'dispatches nothing to those who listen for another name',
    'event: nobody\ndata: a\n\ndata: b\n\n',
    'message b',
  ),
  reads(
    'takes names that objects have too',
    'event: __proto__\ndata: a\n\nevent: constructor\ndata: b\n\nevent: hasOwnProperty\ndata: c\n\n',
    '__proto__ a',
    'constructor b',
    'hasOwnProperty c',
  ),
]

const ids: Case[] = [
  reads('tells the id', 'id: 1\ndata: a\n\n', 'message a #1'),
  reads(
    'keeps the id for the events after it',
    'id: 1\ndata: a\n\ndata: b\n\nid: 2\ndata: c\n\ndata: d\n\n',
    'message a #1',
    'message b #1',
    'message c #2',
    'message d #2',
  ),
  reads(
    'forgets the id at an empty one',
    'id: 1\ndata: a\n\nid:\ndata: b\n\nid: 2\ndata: c\n\nid\ndata: d\n\n',
    'message a #1',
    'message b',
    'message c #2',
    'message d',
  ),
  but(
    'firefox eventsource',
    ['message a'],
    reads('takes an id from an event without data', 'id: 1\n\ndata: a\n\n', 'message a #1'),
  ),
  reads('takes the last id of an event', 'id: 1\ndata: a\nid: 2\n\n', 'message a #2'),
  but(
    'firefox eventsource',
    ['message a #1'],
    reads(
      'ignores an id with NUL',
      bytes('id: 1\ndata: a\n\nid: 2', [0], '\ndata: b\n\nid: ', [0], '\ndata: c\n\n'),
      'message a #1',
      'message b #1',
      'message c #1',
    ),
  ),
  reads('tells an id of any characters', 'id: …한 <"&\ndata: a\n\n', 'message a #…한 <"&'),
]

const encoding: Case[] = [
  reads(
    'drops one byte order mark',
    bytes([0xef, 0xbb, 0xbf], 'data: a\n\ndata: b\n\n'),
    'message a',
    'message b',
  ),
  reads('drops only one byte order mark', '\ufeff\ufeffdata: a\n\ndata: b\n\n', 'message b'),
  reads(
    'takes a byte order mark later on as a character',
    'data: a\n\n\ufeffdata: b\n\ndata: \ufeffc\n\n',
    'message a',
    'message \ufeffc',
  ),
  butSome(
    { 'webkit eventsource': [], 'webkit long-polling': [] },
    reads(
      'drops a byte order mark that comes in pieces',
      [bytes([0xef]), bytes([0xbb]), bytes([0xbf], 'data: a\n\n')],
      'message a',
    ),
  ),
  reads('reads UTF-8', 'data: aé한👋\n\n', 'message aé한👋'),
  reads('reads characters that come in pieces', split('data: é한👋\n\n'), 'message é한👋'),
  reads(
    'reads bytes that are no UTF-8 as U+FFFD',
    bytes('data: a', [0xff], 'b', [0xc3], '\n\n'),
    'message a\ufffdb\ufffd',
  ),
  ...['windows-1252', 'iso-8859-1'].map(
    (charset): Case => ({
      name: `reads UTF-8 whatever the type says (${charset})`,
      script: [{ type: `text/event-stream;charset=${charset}`, body: 'data: é한\n\n' }],
      hears: ['open', 'message é한'],
      // Chromium refuses a stream that says it is not UTF-8.
      but: { 'chromium eventsource': ['error 2'] },
    }),
  ),
]

const silence = ['nothing more, readyState 0']

const wholes: Case[] = [
  {
    name: 'drops an event whose blank line never comes',
    script: [{ body: 'retry: 1\n\ndata: a\n\nid: 7\ndata: b\n' }, { body: 'data: c\n\n' }],
    hears: ['open', 'message a', 'error 0', 'open', 'message c'],
    asked: ({ asked }) => expectId(asked, undefined),
  },
  {
    name: 'drops a line whose end never comes',
    script: [{ body: 'retry: 1\n\ndata: a\n\ndata: b\n\ndata' }, { body: 'data: c\n\n' }],
    hears: ['open', 'message a', 'message b', 'error 0', 'open', 'message c'],
  },
  {
    name: 'dispatches each event as it comes',
    script: [{ body: ['data: a\n\n', 'data: b\n\n'], after: 'hold' }],
    hears: ['open', 'message a', 'message b'],
  },
  {
    name: 'opens before the first byte of the stream',
    script: [{ after: 'hold' }],
    hears: ['open'],
    patience: 1_000,
    // No browser tells an XMLHttpRequest that its answer has begun before the first byte, nor Firefox an EventSource or fetch.
    but: {
      'firefox xhr-streaming': silence,
      'long-polling': silence,
      'firefox eventsource': silence,
      'firefox drop-in': silence,
    },
  },
  reads('reads an event of 300 KB', `data: ${'한'.repeat(100_000)}\n\n`, `message ${'한'.repeat(100_000)}`),
  reads(
    'reads a thousand events',
    Array.from({ length: 1000 }, (_, i) => `data: ${i}\n\n`).join(''),
    ...Array.from({ length: 1000 }, (_, i) => `message ${i}`),
  ),
]

const cases = [...lines, ...fields, ...events, ...ids, ...encoding, ...wholes]

function all(data: string): string[] {
  return data.split(' ').map(each => `message ${each}`)
}

function split(text: string): Uint8Array[] {
  return [...utf8(text)].map(byte => Uint8Array.of(byte))
}

function expectId(asked: { headers: Record<string, unknown> }[], id: string | undefined): void {
  if (asked[1]?.headers['last-event-id'] !== id) throw new Error('the dropped event has left its id behind')
}
