import { connect } from 'throughline'
import { events } from 'throughline/iterate'
import { asText, explain } from 'throughline/report'

const line = connect('/live?topic=lobby')
line.onopen = ({ transport }) => show('state', `open by ${transport}`)
line.onerror = ({ error }) => show('state', error.message)

document.querySelector('button').onclick = async () => {
  show('answer', await line.send('hello', { answer: true }))
  show('report', asText(line.url, explain(line.report())))
}

void listen()

async function listen() {
  for await (const { data } of events(line)) show('heard', data)
}

function show(id, text) {
  document.getElementById(id).textContent = text
}
