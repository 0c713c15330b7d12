import { ask, by, randomName, write } from './dom.js'
import { glimpse } from './glimpse.js'
import { createLab } from './lab.js'
import { createLineView } from './line.js'
import { createMessages } from './messages.js'
import { createPeople } from './people.js'
import { lineTo } from './servers.js'
import { createTally } from './tally.js'
import { gaps } from './words.js'

/** Tells this page from others: the server lets nobody else take its name meanwhile. */
const page = randomName(4)

const tally = createTally()
const lab = createLab(moveTo)
const view = createLineView(tally)
const messages = createMessages()
const people = createPeople()

let me
let server = 'throughline'
/** The line and its ways of hearing and saying; none outside the room. */
let link
/** The promise of a line that has been welcomed, and its keeping: what is said before that would be counted twice. */
let room
let enterRoom
/** The number of the newest private message this page has had, and whether it has been told what waited for it. */
let letters = 0
let welcomed = false
let endGlimpse

/** Who this page was before it was loaded anew. A tab that is duplicated meanwhile finds nothing. */
const before = JSON.parse(sessionStorage.getItem('inside') ?? 'null')
sessionStorage.removeItem('inside')
by('name').value = before?.name ?? new URLSearchParams(location.search).get('name') ?? ''
by('name').focus()
// Before this script is here there is nobody to join with.
by('join').disabled = false
if (before) void enter(before.name, before.page)
else endGlimpse = glimpse()
by('enter').onsubmit = event => {
  event.preventDefault()
  void enter(by('name').value.trim())
}
by('composer').onsubmit = event => {
  event.preventDefault()
  void send(by('text').value.trim())
}
by('leave').onclick = () => leave('')
by('views').onclick = ({ target }) => showView(target.dataset.view)
// A page that is closed cannot wait for an answer. If it comes back out of the browser's cache, its line comes back too.
addEventListener('pagehide', () => {
  if (!link) return
  sessionStorage.setItem('inside', JSON.stringify({ name: me, page }))
  navigator.sendBeacon('/leave', new Blob([JSON.stringify({ name: me, page })], { type: 'application/json' }))
})

/** `was`: the page whose name this one takes over. */
async function enter(name, was) {
  write(by('door-note'), '')
  try {
    const { refused } = await ask('/enter', { name, page, was })
    if (refused) return write(by('door-note'), refused)
  } catch {
    return write(by('door-note'), 'The server does not answer. Is it running?')
  }
  endGlimpse?.()
  endGlimpse = undefined
  me = name
  letters = 0
  people.call(me)
  messages.clear()
  tally.begin()
  view.begun()
  showRoom(true)
  void lab.refresh()
  await open()
}

/** The same room, by way of another server. */
async function moveTo(other) {
  server = other
  const before = link
  link = undefined
  before?.line.close()
  tally.begin()
  view.begun()
  await open()
}

async function open() {
  const promised = new Promise(resolve => {
    enterRoom = resolve
  })
  room = promised
  const opened = await lineTo(server, { name: me, page })
  // A dialect had to be loaded, and meanwhile the reader has moved on.
  if (room !== promised) return opened.line.close()
  link = opened
  const { line, on } = opened

  line.onopen = event => {
    view.opened(event)
    if (!event.resumed) hello()
  }
  line.onerror = event => {
    view.failed(event)
    void lab.refresh()
  }
  line.onclose = event => {
    if (link !== opened) return
    view.closed(event)
    void turnedAway()
  }
  on('message', message => {
    // What waited for this reader comes with the welcome, these among it.
    if (message.to && !welcomed) return
    take(message)
  })
  on('welcome', begin)
  on('people', people.show)
  on('lab', lab.show)
  on('response', answered)
  line.addEventListener('gap', ({ reason }) => {
    messages.note(gaps[reason] ?? gaps.trimmed, 'bad')
  })
}

/** The first thing a page says on a line that begins anew. */
function hello() {
  welcomed = false
  link.send({ have: letters }, 'hello').catch(() => {})
}

function begin({ name, lobby, own, letters: waiting, people: list }) {
  welcomed = true
  enterRoom(link)
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
  view.heard(() => link?.line.lastEventId)
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
  link.send({ upTo: n }, 'read').catch(() => {})
}

async function send(text) {
  if (!text) return
  const to = people.recipient()
  // Everybody hears it, so it says nothing of the page.
  const ref = randomName(2)
  by('text').value = ''
  messages.send(ref, { text })
  try {
    const way = await room
    await way.send({ to, text, ref }, 'message')
  } catch (error) {
    messages.fail(ref, `Not sent: ${error.message}`)
  }
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
  const closing = link
  link = room = undefined
  closing?.line.close()
  ask('/leave', { name: me, page }).catch(() => {})
  showRoom(false)
  endGlimpse ??= glimpse()
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
