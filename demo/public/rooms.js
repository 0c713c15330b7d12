/** Rooms on one line: what topics can do. */
import { connect } from '/throughline/index.js'
import { ask, by, make, randomName, write } from './dom.js'
import { createLadder } from './ladder.js'
import { enterRoom } from './room.js'
import { transports } from './words.js'

/** Tells this page from others: the server lets nobody else take its name meanwhile. */
const page = randomName(4)

const ladder = createLadder(by('ladder'), refuse => lab({ refuse }))

let me
let line
/** What rooms there are, as the server says; those that this page has entered, by topic; and the one that is shown. */
let known = []
const entered = new Map()
let shown

/** Who this page was before it was loaded anew, or in the chat. A tab that is duplicated meanwhile finds nothing. */
const before = JSON.parse(sessionStorage.getItem('inside') ?? 'null')
sessionStorage.removeItem('inside')
by('name').value = before?.name ?? new URLSearchParams(location.search).get('name') ?? ''
by('name').focus()
// Before this script is here there is nobody to join with.
by('join').disabled = false
if (before) void enter(before.name, before.page)
by('enter').onsubmit = event => {
  event.preventDefault()
  void enter(by('name').value.trim())
}
by('composer').onsubmit = event => {
  event.preventDefault()
  const text = by('text').value.trim()
  if (!text) return
  by('text').value = ''
  void entered.get(shown)?.say(text)
}
by('text').oninput = () => entered.get(shown)?.type()
by('out').onclick = () => leaveRoom(shown)
by('leave').onclick = () => leave('')
by('cut').onclick = () => lab({ cut: true })
by('views').onclick = ({ target }) => showView(target.dataset.view)
addEventListener('pagehide', ({ persisted }) => {
  if (!line) return
  sessionStorage.setItem('inside', JSON.stringify({ name: me, page }))
  // A line says goodbye when its page goes for good. One that is put aside may come back, and would seem to be here as long as its session lasts.
  if (persisted) leave('')
})
addEventListener('pageshow', ({ persisted }) => {
  if (persisted) location.reload()
})

/** `was`: the page whose name this one takes over. */
async function enter(name, was) {
  write(by('door-note'), '')
  try {
    const { refused } = await ask('/rooms/enter', { name, page, was })
    if (refused) return write(by('door-note'), refused)
  } catch {
    return write(by('door-note'), 'The server does not answer. Is it running?')
  }
  me = name
  line = connect('/rooms', { params: { name, page } })
  const mine = line
  line.addEventListener('statechange', showLine)
  line.addEventListener('lab', ({ data }) => ladder.show(data.refuse))
  line.onopen = () => {
    showLine()
    void lab()
  }
  line.onerror = () => void lab()
  line.onclose = () => {
    if (line === mine) void turnedAway()
  }
  showLine()
  showInside(true)
  try {
    const { name: proper, rooms } = await line.send('', { event: 'begin', answer: true })
    me = proper
    known = rooms
    by('rooms').replaceChildren(...known.map(toRow))
    write(by('me-name'), me)
    showRoom(known[0].topic)
  } catch {
    // The line is closed, which says why.
  }
}

/** Enters a room, if this page is not in it, and shows it. */
function showRoom(topic) {
  const before = entered.get(topic)
  if (!before || before.state === 'refused') {
    const room = known.find(each => each.topic === topic)
    entered.set(
      topic,
      enterRoom(line, room, me, {
        changed: () => show(),
        heard: text => topic === shown && write(by('heard'), text),
      }),
    )
  }
  shown = topic
  const room = entered.get(topic)
  by('conversation').replaceChildren(room.list)
  room.toEnd()
  show()
  by('text').focus()
}

function leaveRoom(topic) {
  const room = entered.get(topic)
  entered.delete(topic)
  room?.leave()
  write(by('news'), `You have left: ${titleOf(topic)}`)
  shown = undefined
  const [other] = entered.keys()
  if (other) return showRoom(other)
  by('conversation').replaceChildren()
  show()
}

/** Writes everything that a room can change. */
function show() {
  const room = entered.get(shown)
  room?.read()
  showRooms()
  const { title, about } = known.find(each => each.topic === shown) ?? {}
  write(by('title'), title ?? 'No room')
  const people = room?.people ?? []
  const count = people.length > 0 ? `${people.count} here. ` : ''
  write(by('about'), room ? `${count}${about}` : 'Choose one to enter it.')
  by('out').hidden = !room || room.state === 'refused'
  by('text').disabled = by('send').disabled = room?.state !== 'subscribed'
  write(by('typing'), typingWords(room?.typing ?? []))
  showPeople(people)
}

function typingWords(names) {
  if (names.length === 0) return ''
  if (names.length > 3) return 'Several people are typing …'
  return `${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} typing …`
}

function showRooms() {
  for (const button of by('rooms').querySelectorAll('button')) {
    const { state, unread } = entered.get(button.dataset.room) ?? {}
    button.className = state === 'subscribed' ? 'here' : 'away'
    button.setAttribute('aria-pressed', button.dataset.room === shown)
    const news = button.querySelector('.unread')
    news.hidden = !unread
    write(news, unread ? `${unread} new` : '')
    write(button.querySelector('small'), unread ? '' : (states[state] ?? ''))
  }
}

function toRow({ topic, title }) {
  const button = make(
    'button',
    { type: 'button', onclick: () => showRoom(topic), data: { room: topic } },
    make('span', { className: 'face', aria: { hidden: true } }, [...title][0]),
    make('span', { className: 'name' }, title),
    make('span', { className: 'unread' }),
    make('small'),
  )
  return make('li', {}, button)
}

function showPeople(people) {
  by('nobody').hidden = people.length > 0
  by('present').replaceChildren(
    ...people.map(({ id }) =>
      make(
        'li',
        { className: 'here', data: { person: id } },
        make('span', { className: 'face', aria: { hidden: true } }, [...id][0].toUpperCase()),
        make('span', { className: 'name', dir: 'auto' }, id),
        id === me ? make('small', {}, 'you') : '',
      ),
    ),
  )
}

function showLine() {
  if (!line) return
  const transport = line.state === 'open' ? line.transport : ''
  for (const element of [by('line'), by('pill')]) {
    element.dataset.state = line.state
    element.dataset.transport = transport
  }
  const words = transports[transport] ?? (line.state === 'connecting' ? 'No line yet' : 'No line')
  write(by('transport'), words)
  write(by('pill'), words)
  write(by('state'), lineStates[line.state])
  ladder.carriedBy(transport)
}

/** What a room's row says of it, by the state of the subscription. */
const states = { subscribing: 'entering', subscribed: 'entered', refused: 'refused' }

const lineStates = {
  connecting: 'Connecting',
  open: 'Open',
  waiting: 'Interrupted; it comes back by itself',
  suspended: 'Asleep with its page',
  offline: 'This browser is offline',
  closed: 'Closed',
}

/** Beside the line, so that it works while the line is down. Without a wish it only asks. */
async function lab(wish) {
  try {
    const { refuse } = await ask('/lab', wish)
    ladder.show(refuse)
  } catch {
    // The server itself is away; the line says so, and asks again once it is open.
  }
}

/** The line is closed for good, and not by us: the server can say why in words. */
async function turnedAway() {
  const { refused } = await ask('/rooms/enter', { name: me, page }).catch(() => ({}))
  leave(refused ?? 'The server has closed the line.')
}

function leave(why) {
  const closing = line
  line = shown = undefined
  entered.clear()
  closing?.close()
  by('conversation').replaceChildren()
  showInside(false)
  write(by('door-note'), why)
}

function showInside(inside) {
  by('door').hidden = inside
  for (const id of ['room', 'me', 'views', 'pill']) by(id).hidden = !inside
  write(by('me-name'), me ?? '')
  if (!inside) by('name').focus()
}

/** Which half a narrow screen shows. */
function showView(name) {
  if (!name) return
  document.body.dataset.view = name
  for (const button of by('views').children) button.setAttribute('aria-pressed', button.dataset.view === name)
}

function titleOf(topic) {
  return known.find(each => each.topic === topic)?.title
}
