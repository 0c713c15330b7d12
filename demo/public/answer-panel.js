import { make, write } from './dom.js'

/**
 * One of the two panels: the tokens of an answer, how many there are, and its state in words.
 *
 * @param told hears the words of each new state, for those who do not see it
 */
export function createPanel(root, told) {
  const text = root.querySelector('.text')
  const bar = root.querySelector('progress')
  const states = root.querySelector('.state-words')
  let tokens = []
  /** How many tokens there are in all, as far as it is known. */
  let of = 0
  /** Before which tokens the connection broke: these places are marked. */
  let seams = []
  let state = 'idle'

  return {
    clear,
    begin,
    add,
    seam,
    become,
    restore,
    snapshot: () => ({ tokens, of, seams, state, words: states.textContent }),
    get state() {
      return state
    },
    get count() {
      return tokens.length
    },
    get of() {
      return of
    },
  }

  function clear() {
    text.replaceChildren()
    tokens = []
    seams = []
    of = 0
    showCount()
  }

  /** From here the answer is told from its beginning. */
  function begin(count) {
    clear()
    of = count
    showCount()
  }

  function add(token) {
    // Only a reader who is at the end is taken along.
    const isAtEnd = text.scrollHeight - text.scrollTop - text.clientHeight < 40
    const word = token.trimStart()
    text.append(token.slice(0, token.length - word.length), make('span', {}, word))
    tokens.push(token)
    showCount()
    if (isAtEnd) text.scrollTop = text.scrollHeight
  }

  /** Marks where it was cut. What follows comes behind the mark. */
  function seam() {
    if (tokens.length === 0 || seams.at(-1) === tokens.length) return
    seams.push(tokens.length)
    text.append(make('span', { className: 'seam' }))
  }

  function become(name, words) {
    state = root.dataset.state = name
    if (states.textContent === words) return
    write(states, words)
    told(words)
  }

  /** Shows again what was there before a reload. */
  function restore(kept) {
    begin(kept.of)
    for (const [n, token] of kept.tokens.entries()) {
      if (kept.seams.includes(n)) seam()
      add(token)
    }
    become(kept.state, kept.words)
  }

  function showCount() {
    const { length } = tokens
    write(root.querySelector('.count'), of ? `${length} of ${of} tokens` : `${length} tokens`)
    bar.max = of || 1
    bar.value = length
  }
}
