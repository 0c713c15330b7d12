/** A request for each message, as many at once as the browser lets through. */
export async function sendOne(text: string): Promise<void> {
  const { ok } = await fetch('/up', { method: 'POST', body: text })
  if (!ok) throw new Error('a message was not taken')
}
