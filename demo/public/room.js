import { createConversation } from './conversation.js'
import { randomName } from './dom.js'

/** How many messages a room begins with, and how many more are read at a time. */
const atOnce = 20

/** How long somebody counts as typing after the last sign of it, in ms; and how often this page gives one. */
const typingFor = 4_000
const typingEvery = 2_000

/**
 * One room that this page has entered: a topic on its line.
 *
 * @param changed is called whenever something of it is to be shown anew
 * @param heard is told of each message that somebody else says, and of who comes and goes
 */
export function enterRoom(line, { topic }, me, { changed, heard }) {
  const room = line.subscribe(topic, { history: atOnce })
  const conversation = createConversation(me, older)
  const typing = new Map()
  let count = 0
  let unread = 0
  let reading = false
  let typed = -typingEvery

  room.addEventListener('statechange', () => {
    conversation.busy(room.state === 'subscribing')
    changed()
  })
  room.onerror = ({ error }) => {
    conversation.note(wordsOf(error), 'bad')
    heard(wordsOf(error))
  }
  room.onmessage = message => {
    const { from, text } = message.data
    conversation.add(message)
    if (++count === atOnce) conversation.offerOlder()
    stopped(from)
    if (from !== me) {
      unread++
      heard(`${from}: ${text}`)
    }
    changed()
  }
  room.addEventListener('typing', ({ data: { who } }) => {
    if (who === me) return
    clearTimeout(typing.get(who))
    typing.set(
      who,
      setTimeout(() => stopped(who), typingFor),
    )
    changed()
  })
  room.addEventListener('gap', () =>
    conversation.note('Some messages are lost: the line was away for longer than they are kept.', 'bad'),
  )
  room.addEventListener('join', ({ person }) => moved(`${person.id} has come in.`))
  room.addEventListener('leave', ({ person }) => {
    stopped(person.id)
    moved(`${person.id} has left.`)
  })
  room.addEventListener('presence', changed)
  // Why a room is refused is told by its own error.
  room.presence().catch(() => {})

  return {
    list: conversation.list,
    toEnd: conversation.toEnd,
    say,
    type,
    leave: () => room.close(),
    read() {
      unread = 0
    },
    get state() {
      return room.state
    },
    get people() {
      return room.people ?? []
    },
    get unread() {
      return unread
    },
    /** Who is typing just now. */
    get typing() {
      return [...typing.keys()]
    },
  }

  async function older() {
    if (reading) return
    reading = true
    try {
      const { messages, more, begins } = await room.history({ before: conversation.oldest(), limit: atOnce })
      conversation.addBefore(messages)
      if (!more) conversation.offerOlder(begins ? 'What was before is not kept.' : 'Here the room begins.')
    } catch (error) {
      heard(wordsOf(error))
    }
    reading = false
  }

  async function say(text) {
    const ref = randomName(2)
    const fate = conversation.send(ref, text)
    typed = -typingEvery
    try {
      await line.send({ room: topic, text, ref }, { event: 'say', answer: true })
      fate.taken()
    } catch (error) {
      fate.refused(wordsOf(error))
    }
  }

  /** Whoever is in the room may know it just now, or not at all. */
  function type() {
    if (performance.now() - typed < typingEvery) return
    typed = performance.now()
    line.send({ room: topic }, { event: 'typing', volatile: true }).catch(() => {})
  }

  function stopped(who) {
    clearTimeout(typing.get(who))
    if (typing.delete(who)) changed()
  }

  function moved(text) {
    conversation.note(text)
    heard(text)
    changed()
  }
}

/** The server's own words, if it has said why. */
function wordsOf({ detail, message }) {
  return detail ?? message
}
