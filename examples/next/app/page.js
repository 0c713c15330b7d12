'use client'

import { useEffect, useRef, useState } from 'react'
import { connect } from 'throughline'

export default function Page() {
  const [state, setState] = useState('connecting')
  const [messages, setMessages] = useState([])
  const line = useRef(null)
  useEffect(() => {
    // `?transport=long-polling` tries one alone.
    const transport = new URLSearchParams(location.search).get('transport')
    const opened = connect('/live', transport ? { transports: [transport] } : {})
    line.current = opened
    opened.onopen = event => setState(event.transport)
    opened.onerror = event => setState(event.error.message)
    opened.subscribe('room', { history: 20 }).onmessage = ({ data, lastEventId: id }) =>
      setMessages(before => [...before, { id, data }])
    return () => opened.close()
  }, [])
  const send = async event => {
    event.preventDefault()
    const form = event.currentTarget
    await line.current.send(form.elements.text.value)
    form.reset()
  }
  return (
    <main>
      <h1>
        One room <small id='state'>{state}</small>
      </h1>
      <form onSubmit={send}>
        <input name='text' aria-label='Message' autoComplete='off' required />{' '}
        <button type='submit'>Send</button>
      </form>
      <ul>
        {messages.map(({ id, data }) => (
          <li key={id}>{data}</li>
        ))}
      </ul>
    </main>
  )
}
