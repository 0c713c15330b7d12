import { by, make, write } from './dom.js'
import { isBreath, toRow } from './messages.js'

/** How far from its end a list may be for its reader to be carried along, in pixels. */
const near = 80

const ticks = {
  waiting: { mark: '○', words: 'on its way' },
  taken: { mark: '✓', words: 'taken by the server' },
  refused: { mark: '✕', words: 'refused' },
}

/**
 * What is said in one room.
 *
 * @param older is called once its reader asks for what was before
 */
export function createConversation(me, older) {
  const more = make('button', { type: 'button', className: 'quiet', onclick: older }, 'Older messages')
  const top = make('li', { className: 'note', hidden: true }, more)
  // So that it can be scrolled by keyboard in every browser.
  const list = make('ol', { className: 'messages', tabIndex: 0, aria: { label: 'Messages', busy: true } })
  /** What this page has sent, by its own name for it, until it comes back as a message of the room. */
  const sent = new Map()
  let last = {}

  return { list, add, addBefore, offerOlder, note, send, oldest, busy, toEnd }

  /** The id of the first message shown. */
  function oldest() {
    return list.querySelector('[data-id]')?.dataset.id
  }

  function add({ data, lastEventId }) {
    const { from, at, ref } = data
    const own = from === me ? sent.get(ref) : undefined
    if (own) sent.delete(ref)
    own?.row.remove()
    const row = rowOf({ data, lastEventId }, last, own?.tick)
    last = { from, at }
    append(row)
  }

  /** A page of older messages, above those that are shown; whoever reads stays where they are. */
  function addBefore(messages) {
    let before = {}
    const rows = messages.map(message => {
      const row = rowOf(message, before)
      before = message.data
      return row
    })
    const fromEnd = list.scrollHeight - list.scrollTop
    top.after(...rows)
    list.scrollTop = list.scrollHeight - fromEnd
  }

  /** `words` stand in place of the button where nothing older is kept. */
  function offerOlder(words) {
    top.hidden = false
    if (words) top.replaceChildren(words)
    if (!top.parentNode) list.prepend(top)
  }

  function note(text, tone = 'quiet') {
    last = {}
    append(make('li', { className: 'note', data: { tone } }, text))
  }

  /** Shows at once what is on its way. Gives what becomes of it a place to be told. */
  function send(ref, text) {
    const tick = make('span', { className: 'tick' })
    const row = make(
      'li',
      { className: 'message mine pending' },
      make('p', { className: 'text', dir: 'auto' }, text, tick),
    )
    const own = { row, tick }
    sent.set(ref, own)
    mark(tick, 'waiting')
    list.append(row)
    toEnd()
    return {
      taken() {
        mark(tick, 'taken')
        row.classList.remove('pending')
      },
      refused(words) {
        // It has come back meanwhile, so it was taken, whatever became of the answer.
        if (!sent.has(ref)) return mark(tick, 'taken')
        mark(tick, 'refused')
        row.className = 'message mine failed'
        row.append(make('p', { className: 'fate' }, words))
        write(by('heard'), words)
        toEnd()
      },
    }
  }

  function rowOf({ data: { from, text, at }, lastEventId }, before, tick) {
    const mine = from === me
    const row = toRow({
      who: mine ? 'You' : from,
      text,
      at,
      mine,
      follows: isBreath(before, { from, at }),
      tick,
    })
    row.dataset.id = lastEventId
    return row
  }

  function append(row) {
    const reading = list.scrollHeight - list.scrollTop - list.clientHeight > near
    list.insertBefore(row, list.querySelector('.pending'))
    if (!reading) toEnd()
  }

  /** Whether it is still to be seen what has been said. */
  function busy(is) {
    list.setAttribute('aria-busy', is)
  }

  function toEnd() {
    list.scrollTop = list.scrollHeight
  }
}

function mark(tick, state) {
  const { mark, words } = ticks[state]
  tick.dataset.state = state
  tick.title = words
  tick.replaceChildren(
    make('span', { aria: { hidden: true } }, mark),
    make('span', { className: 'unseen' }, `, ${words}`),
  )
}
