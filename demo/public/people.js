import { by, make } from './dom.js'

const everyone = 'Everyone'

/** Who there is to write to: everyone, one of those who are known, or whatever name one types. */
export function createPeople() {
  const field = by('to')
  let self = ''
  field.oninput = mark
  // To write to somebody else the old name has to go; a field that is left empty means everyone.
  field.onfocus = () => field.select()
  field.onblur = () => pick(field.value.trim() || everyone)
  show([])

  return { show, recipient, call: name => (self = name) }

  /** As the server wants it. */
  function recipient() {
    const name = field.value.trim()
    return !name || name.toLowerCase() === everyone.toLowerCase() ? 'ALL' : name
  }

  function show(list) {
    const others = list.filter(person => person.name !== self)
    const names = [everyone, ...others.map(person => person.name)]
    const held = document.activeElement.closest('#people button')?.dataset.person
    by('people').replaceChildren(toRow({ name: everyone, all: true, here: true }), ...others.map(toRow))
    by('known').replaceChildren(...names.map(value => make('option', { value })))
    mark()
    rows()
      .find(row => row.dataset.person === held)
      ?.focus()
  }

  function pick(name) {
    field.value = name
    mark()
  }

  function mark() {
    const picked = recipient() === 'ALL' ? everyone : recipient()
    for (const row of rows()) row.setAttribute('aria-pressed', row.dataset.person === picked)
  }

  function toRow({ name, here, all }) {
    const choose = () => {
      pick(name)
      by('text').focus()
    }
    const face = all ? '＊' : [...name][0].toUpperCase()
    const button = make(
      'button',
      { type: 'button', onclick: choose, className: here ? 'here' : 'away', data: { person: name } },
      make('span', { className: 'face', aria: { hidden: true } }, face),
      make('span', { className: 'name', dir: 'auto' }, name),
      all ? '' : make('small', {}, here ? 'here' : 'away'),
    )
    return make('li', {}, button)
  }
}

function rows() {
  return [...document.querySelectorAll('#people button')]
}
