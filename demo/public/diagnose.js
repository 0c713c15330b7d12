/** A page that a support desk can send: tries every way to the server, and shows what each did. */

import { diagnose } from '/throughline/diagnose.js'
import { by, make, write } from './dom.js'
import { draw } from './waterfall.js'
import { transports } from './words.js'

let report = ''

by('again').onclick = run
by('copy').onclick = copy
void run()

async function run() {
  by('again').disabled = by('copy').disabled = true
  write(by('copied'), '')
  write(by('summary'), 'Trying every way to the server …')
  by('findings').replaceChildren()
  const { url, findings, text } = await diagnose('/probe', { timeout: 6_000 })
  report = `${text}\n${new Date().toISOString()}\n${navigator.userAgent}\n`
  write(by('summary'), summary(findings, new URL(url).host))
  draw(by('waterfall'), findings)
  by('findings').replaceChildren(...findings.map(row))
  by('again').disabled = by('copy').disabled = false
}

function summary(findings, host) {
  const working = findings.filter(({ proven }) => proven !== undefined)
  if (working.length === 0) return `Nothing gets through to ${host}. The reasons are below.`
  if (working.length === findings.length) return `Everything gets through to ${host}.`
  const names = working.map(({ transport }) => transports[transport]).join(', ')
  return `${working.length} of ${findings.length} ways get through to ${host}: ${names}.`
}

function row({ transport, proven, verdict }) {
  const works = proven !== undefined
  return make(
    'tr',
    {},
    make(
      'th',
      { scope: 'row' },
      make('span', { className: 'dot', data: { transport } }),
      transports[transport],
    ),
    make('td', { className: works ? 'good' : 'bad' }, works ? 'Works' : 'Does not'),
    make('td', {}, verdict),
  )
}

async function copy() {
  try {
    await navigator.clipboard.writeText(report)
    write(by('copied'), 'Copied.')
  } catch {
    // Without a secure page there is no clipboard; then the text is at least there to be copied by hand.
    const area = make('textarea', { value: report, readOnly: true, rows: 8 })
    by('copied').replaceChildren('Copy it from here:', area)
    area.select()
  }
}
