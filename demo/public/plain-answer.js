/**
 * An answer by fetch, with the reader that everybody writes by hand. Resolves when the whole of it has come.
 *
 * @param heard is called with each piece
 */
export async function askPlainly(question, signal, heard) {
  const response = await fetch('/answers/plain', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ question }),
    signal,
  })
  if (!response.ok) throw new Error((await response.json()).message)
  const reader = response.body.getReader()
  const decoder = new TextDecoder()
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) throw new Error('the response ended before the answer did')
    const events = (rest + decoder.decode(value, { stream: true })).split('\n\n')
    rest = events.pop()
    for (const event of events) {
      const data = event.slice('data: '.length)
      if (data === '[DONE]') return
      heard(JSON.parse(data))
    }
  }
}
