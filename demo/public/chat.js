import { connect, json } from '/throughline/index.js'
import { ask, by, write } from './dom.js'
import { createLab } from './lab.js'
import { createLineView } from './line.js'
import { createMessages } from './messages.js'
import { createPeople } from './people.js'
import { createTally } from './tally.js'
import { gaps } from './words.js'

/** Tells this page from others: the server lets nobody else take its name meanwhile. */
const page = [...crypto.getRandomValues(new Uint32Array(4))].map(part => part.toString(36)).join('')

const tally = createTally()
const lab = createLab()
const view = createLineView(tally)
const messages = createMessages()
const people = createPeople()

let me
let line
/** The number of the newest private message this page has had, and whether it has been told what waited for it. */
let letters = 0
let welcomed = false
let refs = 0

by('name').value = new URLSearchParams(location.search).get('name') ?? ''
by('name').focus()
// Before this script is here there is nobody to join with.
by('join').disabled = false
by('enter').onsubmit = event => {
  event.preventDefault()
  void enter(by('name').value.trim())
}
by('composer').onsubmit = event => {
  event.preventDefault()
  send(by('text').value.trim())
}
by('leave').onclick = () => leave('')
by('views').onclick = ({ target }) => showView(target.dataset.view)
// A page that is closed cannot wait for an answer. If it comes back out of the browser's cache, its line comes back too.
addEventListener('pagehide', () => {
  if (line)
    navigator.sendBeacon(
      '/leave',
      new Blob([JSON.stringify({ name: me, page })], { type: 'application/json' }),
    )
})

async function enter(name) {
  write(by('door-note'), '')
  try {
    const { refused } = await ask('/enter', { name, page })
    if (refused) return write(by('door-note'), refused)
  } catch {
    return write(by('door-note'), 'The server does not answer. Is it running?')
  }
  me = name
  letters = 0
  people.call(me)
  messages.clear()
  tally.begin()
  view.begun()
  showRoom(true)
  void lab.refresh()
  open()
}

function open() {
  line = connect('/live', { params: { name: me, page }, codec: json })

  line.onopen = event => {
    view.opened(event)
    if (!event.resumed) hello()
  }
  line.onerror = event => {
    view.failed(event)
    void lab.refresh()
  }
  line.onclose = event => {
    view.closed(event)
    if (line) void turnedAway()
  }
  line.onmessage = ({ data }) => {
    // What waited for this reader comes with the welcome, these among it.
    if (data.to && !welcomed) return
    take(data)
  }
  line.addEventListener('welcome', ({ data }) => begin(data))
  line.addEventListener('people', ({ data }) => people.show(data))
  line.addEventListener('lab', ({ data }) => lab.show(data))
  line.addEventListener('response', ({ data }) => answered(data))
  line.addEventListener('gap', ({ reason }) => {
    messages.note(gaps[reason] ?? gaps.trimmed, 'bad')
  })
}

/** The first thing a page says on a line that begins anew. */
function hello() {
  welcomed = false
  line.send({ have: letters }, { event: 'hello' }).catch(() => {})
}

function begin({ name, lobby, own, letters: waiting, people: list }) {
  welcomed = true
  me = name
  write(by('me-name'), me)
  people.call(me)
  people.show(list)
  if (waiting.length > 0) messages.note(`While you were away: ${count(waiting.length, 'private message')}.`)
  for (const letter of waiting) take(letter)
  tally.reached(lobby.room, lobby.n)
  tally.reached(own.room, own.n)
}

function take(message) {
  view.heard(() => line?.lastEventId)
  const isNew = tally.take(message.room, message.n)
  if (message.to) confirm(message.n)
  if (!isNew) return
  if (message.bot) return messages.tick(message)
  if (message.from === me) messages.settle(message.ref)
  messages.add(message, me)
}

/** From now on the server need not keep it. If this gets lost, it is only kept for longer. */
function confirm(n) {
  letters = n
  line.send({ upTo: n }, { event: 'read' }).catch(() => {})
}

function send(text) {
  if (!text) return
  const to = people.recipient()
  const ref = `${page}-${++refs}`
  by('text').value = ''
  messages.send(ref, { text })
  line.send({ to, text, ref }).catch(error => messages.fail(ref, `Not sent: ${error.message}`))
}

/** The server's word on what was sent. */
function answered({ status, ref, to, text, at, note }) {
  if (status !== 200) return messages.fail(ref, `${status}: ${note}`)
  messages.settle(ref)
  if (text !== undefined) messages.add({ from: me, to, text, at }, me)
  if (note) messages.note(note)
}

/** The line is closed for good, and not by us: the server can say why in words. */
async function turnedAway() {
  const { refused } = await ask('/enter', { name: me, page }).catch(() => ({}))
  leave(refused ?? 'The server has closed the line.')
}

function leave(why) {
  const closing = line
  line = undefined
  closing?.close()
  ask('/leave', { name: me, page }).catch(() => {})
  showRoom(false)
  write(by('door-note'), why)
}

function showRoom(inside) {
  by('door').hidden = inside
  for (const id of ['room', 'me', 'views', 'pill']) by(id).hidden = !inside
  write(by('me-name'), me ?? '')
  by(inside ? 'text' : 'name').focus()
}

/** Which half a narrow screen shows. */
function showView(name) {
  if (!name) return
  document.body.dataset.view = name
  for (const button of by('views').children) button.setAttribute('aria-pressed', button.dataset.view === name)
}

function count(number, what) {
  return `${number} ${what}${number === 1 ? '' : 's'}`
}
