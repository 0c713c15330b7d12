/**
 * Says as JSON what a try that fails and a send that is refused are called, and whether an option that cannot be is noticed. What it says in
 * production is short: codes in place of sentences, and no checks.
 */
export function tell(connect, options) {
  class WebSocket {
    constructor() {
      throw new Error('not today')
    }
  }
  const usual = { environment: { WebSocket }, limits: { messages: 1 }, ...options }
  const url = 'http://127.0.0.1:9/live'
  const line = connect(url, usual)
  const send = text => line.send(text).catch(({ code, message }) => ({ code, message }))
  line.onerror = async ({ error }) => {
    line.onerror = null
    void send('one that waits')
    const full = await send('one too many')
    line.close()
    // The time until the next try is another each time.
    const [message] = error.message.split('; trying again')
    console.log(JSON.stringify({ code: error.code, kind: error.kind, message, full, checks: checks() }))
  }

  function checks() {
    try {
      connect(url, { ...usual, retry: 'soon' }).close()
      return false
    } catch {
      return true
    }
  }
}
