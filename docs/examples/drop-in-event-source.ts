import { EventSource } from 'throughline/drop-in'

/** Hears the prices of a server, with a token that the browser's own EventSource could not send. */
export function hearPrices(url: string, token: string, show: (price: string) => void): () => void {
  const source = new EventSource(url, { headers: { Authorization: `Bearer ${token}` } })
  source.addEventListener('price', ({ data }) => show(data))
  source.onerror = ({ error }) => {
    const isOver = source.readyState === EventSource.CLOSED
    console.warn(error?.message, isOver ? 'for good' : 'and is asked again')
  }
  return () => source.close()
}
