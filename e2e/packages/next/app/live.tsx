'use client'

import { useEffect, useState } from 'react'
import { connect, type LineOf } from 'throughline'

interface Live {
  topics: { lobby: { message: string } }
  sends: { message: { data: string; answer: string } }
}

/** The server renders this too, where importing the package does nothing; the line begins in the browser. */
export function Live({ url }: { url: string }) {
  const [line, setLine] = useState<LineOf<Live>>()
  const [state, setState] = useState('connecting')
  const [heard, setHeard] = useState('')
  const [answer, setAnswer] = useState('')

  useEffect(() => {
    const line = connect<Live>(url)
    line.onopen = ({ transport }) => setState(`open by ${transport}`)
    line.onerror = ({ error }) => setState(error.message)
    line.subscribe('lobby').onmessage = ({ data }) => setHeard(data)
    setLine(line)
    return () => line.close()
  }, [url])

  const ask = async () => {
    if (line) setAnswer(await line.send('hello', { answer: true }))
  }

  return (
    <>
      <p id='state'>{state}</p>
      <p>
        Heard: <b id='heard'>{heard}</b>
      </p>
      <button type='button' onClick={ask}>
        Say hello
      </button>
      <p>
        Answered: <b id='answer'>{answer}</b>
      </p>
    </>
  )
}
