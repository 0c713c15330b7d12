/** What declarations most easily lose. It compiles wherever the language is, even where no place is declared. */
import { connect, json } from 'throughline'
import { connect as connectCore, native, race, websocket } from 'throughline/core'
import { type Diagnosis, diagnose } from 'throughline/diagnose'
import { type PlainOptions, plain, plainWith } from 'throughline/dialects/plain'
import { events, type StreamOptions } from 'throughline/iterate'
import { asText, type Explained, explain } from 'throughline/report'

const line = connect<{ message: { text: string } }>('/live', { codec: json })
line.onmessage = event => event.data.text.toUpperCase() + event.lastEventId
line.addEventListener('message', event => event.data.text.toUpperCase())
line.addEventListener('open', event => event.transport === 'websocket' && event.type)
line.onerror = ({ error, retryIn }) => error.kind + error.code.length + (retryIn ?? 0)
// @ts-expect-error: a message has no such field, so its type is known
line.onmessage = event => event.data.txt

const room = line.subscribe('room')
room.presence().then(people => people.count.toFixed() + people[0]?.id.length)
room.addEventListener('join', ({ person }) => person.id.length)

connectCore('/live', { transport: websocket, dialect: native })
connectCore('/live', { transport: race(websocket), dialect: plain })
// @ts-expect-error: the core has no dialect but the one that it is given
connectCore('/live', { transport: websocket })

const letter: PlainOptions = { letter: true }
connect('/live', { dialect: plainWith(letter) })
// @ts-expect-error: that name is known to a script tag alone
connect('/live', { dialect: 'plain' })

const explained: readonly Explained[] = explain(line.report())
asText(line.url, explained).trim()
// @ts-expect-error: a line tells figures, which are to be explained first
asText(line.url, line.report())
diagnose('/live', { dialect: plain }).then(({ text, findings }: Diagnosis) => [
  text.trim(),
  findings[0]?.verdict.trim(),
])

export interface Live {
  topics: { [room: `room:${string}`]: { message: { text: string } } }
  sends: { note: { data: { text: string }; answer: number } }
}
const live = connect<Live>('/live')
live.subscribe('room:1').onmessage = event => event.data.text.toUpperCase()
live.send({ text: 'x' }, { event: 'note', answer: true }).then(answer => answer.toFixed())
// @ts-expect-error: the contract has no such topic
live.subscribe('lobby')
// @ts-expect-error: nor such data
live.send({ txt: 'x' }, { event: 'note' })

const latest: StreamOptions = { overflow: 'latest' }
export const heard = async () => {
  for await (const event of events(line)) return event.data.text.toUpperCase()
  for await (const event of events(line, 'open', latest)) return event.resumed === true
  // @ts-expect-error: a message has no such field here either
  for await (const event of events(line)) return event.data.txt
}
