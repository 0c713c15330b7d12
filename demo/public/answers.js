/** An answer that comes token by token, over a line and by a plain fetch. */
import { connect } from '/throughline/index.js'
import { createPanel } from './answer-panel.js'
import { ask as askServer, by, make, write } from './dom.js'
import { createLadder } from './ladder.js'
import { askPlainly } from './plain-answer.js'
import { transports } from './words.js'

const news = name => words => write(by('news'), `${name}: ${words}`)
const ours = createPanel(by('ours'), news('By the line'))
const plain = createPanel(by('plain'), news('By fetch'))
const ladder = createLadder(by('ladder'), refuse => lab({ refuse }))
by('boxes').append(
  toBox('swallow', 'A box swallows WebSockets', 'Handshakes are never answered.'),
  toBox('hold', 'A box holds streams back', 'Nothing comes before a response ends.'),
)

/** The topic of the answer that is shown, and the subscription to it. */
let shown
let answer
/** Ends the plain response. */
let abort = () => {}

const line = connect('/answers', { resume: 'session' })
line.addEventListener('statechange', showLine)
line.addEventListener('lab', ({ data }) => showLab(data))
line.onopen = () => void lab()
line.onerror = () => void lab()

// What this tab has shown goes on behind a reload. It is put aside only for that, so a tab that is duplicated finds nothing.
const kept = JSON.parse(sessionStorage.getItem('answer') ?? 'null')
sessionStorage.removeItem('answer')
addEventListener('pagehide', () => {
  if (!shown) return
  const question = by('question').value
  const all = { topic: shown, question, ours: ours.snapshot(), plain: plain.snapshot() }
  sessionStorage.setItem('answer', JSON.stringify(all))
})
// A page that comes back from where it was put aside begins as one that was loaded anew.
addEventListener('pageshow', ({ persisted }) => persisted && location.reload())
addEventListener('hashchange', () => {
  if (topicHere() && topicHere() !== shown) readOther(topicHere())
})

by('ask').onsubmit = event => {
  event.preventDefault()
  void ask(by('question').value)
}
by('stop').onclick = stop
by('cut').onclick = () => lab({ cut: true })
by('reload').onclick = () => location.reload()
// Before this script is here there is nobody to ask.
by('send').disabled = false
if (topicHere() && kept?.topic === topicHere()) goOn(kept)
else if (topicHere()) readOther(topicHere())
showLine()

async function ask(question) {
  write(by('note'), '')
  leave()
  ours.clear()
  ours.become('asking', line.state === 'open' ? 'Asking.' : 'Asking, as soon as there is a line.')
  showButtons()
  void askBeside(question)
  try {
    const { topic } = await line.send(question, { event: 'ask', answer: true })
    read(topic)
    location.hash = encodeURIComponent(topic)
  } catch (error) {
    ours.become('failed', 'No answer.')
    write(by('note'), wordsOf(error))
    showButtons()
  }
}

/** The same question by a plain response. */
async function askBeside(question) {
  abort()
  const aborting = new AbortController()
  const { signal } = aborting
  abort = () => aborting.abort()
  plain.clear()
  plain.become('asking', 'Asked; nothing has come yet.')
  try {
    await askPlainly(question, signal, piece => {
      if (signal.aborted) return
      if (typeof piece !== 'string') return plain.begin(piece.tokens)
      plain.add(piece)
      plain.become('writing', 'Writing.')
    })
    if (!signal.aborted) plain.become('whole', `Whole: all ${plain.of} tokens.`)
  } catch (error) {
    if (signal.aborted) return
    plain.seam()
    const words = plain.of
      ? `Broken off after ${plain.count} of ${plain.of} tokens, and nothing goes on`
      : 'No answer'
    plain.become('broken', sentence(`${words}: ${error.message}`))
  }
  showButtons()
}

/** Goes on after a reload: what was shown is shown again, and the line brings what follows. */
function goOn({ topic, ours: before, plain: lost, question }) {
  by('question').value = question
  ours.restore(before)
  const { tokens, of, state } = lost
  if (state !== 'idle' && state !== 'elsewhere')
    plain.become('lost', `Lost with the page that was reloaded, after ${tokens.length} of ${of} tokens.`)
  if (isOver(before.state)) return showAddress(topic)
  ours.seam()
  ours.become('cut', `Reloaded after ${ours.count} tokens; going on.`)
  read(topic)
}

/** Reads an answer that another tab has asked for. */
function readOther(topic) {
  leave()
  abort()
  ours.clear()
  plain.clear()
  plain.become('elsewhere', 'Another tab has asked, and a plain response has one reader.')
  read(topic)
}

function read(topic) {
  answer = line.subscribe(topic, { history: Number.POSITIVE_INFINITY })
  const mine = answer
  answer.addEventListener('token', ({ data: piece }) => {
    if (typeof piece !== 'string') {
      ours.begin(piece.tokens)
      by('question').value = piece.question
    } else ours.add(piece)
    ours.become('writing', 'Writing.')
    showButtons()
  })
  answer.addEventListener('end', ({ data }) => {
    ended(data)
    finish()
  })
  answer.onopen = ({ trimmed }) => trimmed && fail('What came before is not kept any more.')
  answer.onerror = ({ error }) => mine.state === 'refused' && fail(wordsOf(error))
  answer.addEventListener('gap', () => fail('The server has begun anew, and what follows is lost.'))
  showAddress(topic)
  showButtons()

  function fail(why) {
    ours.become(
      'failed',
      sentence(ours.of ? `Broken off after ${ours.count} of ${ours.of} tokens: ${why}` : why),
    )
    finish()
  }

  function finish() {
    mine.close()
    showButtons()
  }
}

/** The opening is a piece too. */
function ended({ pieces, cancelled, error }) {
  const { count, of } = ours
  if (cancelled) ours.become('stopped', `Stopped after ${count} of ${of} tokens: ${cancelled}.`)
  else if (error)
    ours.become('failed', sentence(`Broken off after ${count} of ${of} tokens: ${error.message}`))
  else if (count < pieces - 1) ours.become('failed', `Only ${count} of ${of} tokens have come.`)
  else ours.become('whole', `Whole: all ${of} tokens${seamWords(ours.snapshot().seams.length)}.`)
}

function seamWords(count) {
  if (count === 0) return ''
  return count === 1 ? ', across a break' : `, across ${count} breaks`
}

function stop() {
  if (answer && !isOver(ours.state)) line.send(shown, { event: 'stop' }).catch(() => {})
  if (isOver(plain.state)) return
  abort()
  plain.become('stopped', `Stopped after ${plain.count} of ${plain.of} tokens.`)
  showButtons()
}

/** Whoever reads another answer leaves this one. */
function leave() {
  answer?.close()
  answer = shown = undefined
  by('again').hidden = true
}

function isOver(state) {
  return !['asking', 'writing', 'cut'].includes(state)
}

function showButtons() {
  const isUnderWay = !isOver(ours.state) || !isOver(plain.state)
  by('send').disabled = isUnderWay
  by('stop').disabled = !isUnderWay
}

function showAddress(topic) {
  shown = topic
  by('again').hidden = false
  by('second').href = `#${encodeURIComponent(topic)}`
}

/** The name in the address, if it is that of an answer. */
function topicHere() {
  const [, id] = /^#answer(?:%3A|:)([\w-]+)$/i.exec(location.hash) ?? []
  return id && `answer:${id}`
}

function showLine() {
  const transport = line.state === 'open' ? line.transport : ''
  by('pill').dataset.transport = transport
  write(by('pill'), transports[transport] ?? 'No line')
  ladder.carriedBy(transport)
  if (!answer || isOver(ours.state)) return
  if (line.state === 'open') return ours.state === 'cut' && ours.become('cut', 'Going on.')
  ours.seam()
  ours.become('cut', `Cut after ${ours.count} tokens; it goes on by itself.`)
}

/** Beside the line, so that it works while the line is down. Without a wish it only asks. */
async function lab(wish) {
  try {
    showLab(await askServer('/lab', wish))
  } catch {
    // The server itself is away; the line says so, and asks again once it is open.
  }
}

function showLab({ refuse, ...boxes }) {
  ladder.show(refuse)
  for (const { dataset, lastChild } of by('boxes').children)
    lastChild.setAttribute('aria-checked', boxes[dataset.box])
}

function toBox(name, label, hint) {
  const flip = ({ currentTarget }) => lab({ [name]: currentTarget.getAttribute('aria-checked') !== 'true' })
  return make(
    'li',
    { data: { box: name } },
    make('span', { className: 'name' }, label, make('small', {}, hint)),
    make('button', {
      type: 'button',
      className: 'switch',
      onclick: flip,
      aria: { role: 'switch', checked: 'false', label },
    }),
  )
}

function sentence(words) {
  return /[.!?]$/.test(words) ? words : `${words}.`
}

/** The server's own words, if it has said why. */
function wordsOf({ detail, message }) {
  return detail ?? message
}
