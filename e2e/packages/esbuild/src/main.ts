import { connect } from 'throughline'
import { asText, explain } from 'throughline/report'

interface Live {
  topics: { lobby: { message: string } }
  sends: { message: { data: string; answer: string } }
}

const line = connect<Live>('/live')
const lobby = line.subscribe('lobby')
line.onopen = ({ transport }) => show('state', `open by ${transport}`)
line.onerror = ({ error }) => show('state', error.message)

document.querySelector('button')?.addEventListener('click', async () => {
  show('answer', await line.send('hello', { answer: true }))
  show('report', asText(line.url, explain(line.report())))
})

lobby.onmessage = ({ data }) => show('heard', data)

function show(id: string, text: string) {
  const element = document.getElementById(id)
  if (element) element.textContent = text
}
