import { fetchEventSource } from 'throughline/drop-in'

/** Asks once, shows the answer as it comes, and goes on behind the last id where the network blinks. */
export async function ask(url: string, question: string, show: (piece: string) => void): Promise<void> {
  await fetchEventSource(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ question }),
    resume: id => `${url}/from?id=${encodeURIComponent(id)}`,
    onmessage: ({ data }) => show(data),
  })
}
