import { useLine, useMessages } from 'throughline/react'

// `?transport=long-polling` tries one alone.
const transport = new URLSearchParams(location.search).get('transport')
const options = transport ? { transports: [transport] } : {}

export function Room() {
  const { line, state, transport, error } = useLine('/live', options)
  const { messages } = useMessages(line, 'room', { history: 20 })

  async function send(event) {
    event.preventDefault()
    const form = event.currentTarget
    await line.send(form.elements.text.value)
    form.reset()
  }

  return (
    <main>
      <h1>
        One room <small id='state'>{transport ?? error?.message ?? state}</small>
      </h1>
      <form onSubmit={send}>
        <input name='text' aria-label='Message' autoComplete='off' required />{' '}
        <button type='submit'>Send</button>
      </form>
      <ul>
        {messages.map(({ key, data }) => (
          <li key={key}>{data}</li>
        ))}
      </ul>
    </main>
  )
}
