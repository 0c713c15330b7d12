import { by, calmly, clock, make, write } from './dom.js'

/** How many rows stay. */
const most = 300

/** Consecutive messages of one person within this time stand under one name, in ms. */
const breath = 120_000

/** Whether a message is of the same person as the one before it, and soon after it. */
export function isBreath(before, { from, at }) {
  return before.from === from && at - before.at < breath
}

/** A message as a row. `tick`: an element behind its text. */
export function toRow({ who, secret, text, at, mine, follows, tick }) {
  const head = make(
    'p',
    { className: follows ? 'unseen' : 'head' },
    make('b', {}, who),
    secret ? make('span', { className: 'secret' }, secret) : '',
    make('time', {}, clock(at).slice(0, 5)),
  )
  const classes = ['message', mine && 'mine', secret && 'private', follows && 'follows']
  return make(
    'li',
    { className: classes.filter(Boolean).join(' ') },
    head,
    make('p', { className: 'text', dir: 'auto' }, text, tick),
  )
}

/** The conversation. */
export function createMessages() {
  const list = by('messages')
  const pending = new Map()
  let last = {}
  let ticker
  // So that it can be scrolled by keyboard in every browser.
  list.tabIndex = 0

  return { add, tick, note, send, settle, fail, clear }

  /** A message of a person: `{ from, to, text, at }`, with `to` for a private one. */
  function add({ from, to, text, at }, me) {
    const mine = from === me
    const follows = last.to === to && isBreath(last, { from, at })
    last = { from, to, at }
    const who = mine ? 'You' : from
    const secret = to === undefined ? undefined : `only ${mine ? to : 'you'}`
    append(toRow({ who, secret, text, at, mine, follows }))
    if (!mine) write(by('heard'), `${who}${secret ? ', to you only' : ''}: ${text}`)
  }

  /** What the publisher says stands in one row, and is not read aloud. */
  function tick({ text }) {
    if (!ticker || ticker.row !== lastRow()) {
      const count = make('span', {}, text)
      const show = calmly(range => write(count, range))
      ticker = { first: text, show, row: make('li', { className: 'ticker' }, 'Publisher', count) }
      last = {}
      append(ticker.row)
    }
    ticker.show(ticker.first === text ? text : `${ticker.first} – ${text}`)
  }

  function note(text, tone = 'quiet') {
    last = {}
    append(make('li', { className: 'note', data: { tone } }, text))
    write(by('heard'), text)
  }

  /** Shows at once what is on its way. */
  function send(ref, { text }) {
    const row = make(
      'li',
      { className: 'message mine pending' },
      make('p', { className: 'text', dir: 'auto' }, text),
    )
    row.append(make('p', { className: 'fate' }, 'On its way'))
    pending.set(ref, row)
    list.append(row)
    list.scrollTop = list.scrollHeight
  }

  /** It has arrived and is shown as what came back. */
  function settle(ref) {
    pending.get(ref)?.remove()
    pending.delete(ref)
  }

  function fail(ref, why) {
    const row = pending.get(ref)
    if (!row) return
    pending.delete(ref)
    row.className = 'message mine failed'
    write(row.lastChild, why)
    write(by('heard'), why)
  }

  function clear() {
    list.replaceChildren()
    pending.clear()
    last = {}
  }

  function append(row) {
    const { scrollHeight, scrollTop, clientHeight } = list
    const reading = scrollHeight - scrollTop - clientHeight > 80
    const waiting = list.querySelector('.pending')
    list.insertBefore(row, waiting)
    while (list.children.length > most) list.firstChild.remove()
    if (!reading) list.scrollTop = list.scrollHeight
  }

  /** Not counting what is on its way. */
  function lastRow() {
    return list.querySelector('.pending')?.previousElementSibling ?? list.lastElementChild
  }
}
