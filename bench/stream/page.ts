/** The page: reads an answer by one of two ways. */
import { stream } from '../../src/stream.ts'

type Way = (path: string, heard: (data: string) => void) => Promise<void>

const ways: Record<'ours' | 'hand', Way> = {
  async ours(path, heard) {
    for await (const { data } of stream(path, { body: 'x' })) heard(data)
  },
  async hand(path, heard) {
    const response = await fetch(path, { method: 'POST', body: 'x' })
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    const decoder = new TextDecoder()
    let rest = ''
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      rest += decoder.decode(value, { stream: true })
      const blocks = rest.split('\n\n')
      rest = blocks.pop() ?? ''
      for (const block of blocks) if (block.startsWith('data: ')) heard(block.slice(6))
    }
  },
}

export const bench = {
  /** ms until the first piece of each of so many answers. */
  async first(way: keyof typeof ways, count: number): Promise<number[]> {
    const times: number[] = []
    for (let n = 0; n < count; n++) {
      const started = performance.now()
      await ways[way]('/one', () => times.push(performance.now() - started))
    }
    return times
  },
  /** The medians of both, asked by turns. */
  async byTurns(count: number) {
    const times: Record<string, number[]> = { ours: [], hand: [] }
    for (let n = 0; n < count; n++)
      for (const way of n % 2 ? (['ours', 'hand'] as const) : (['hand', 'ours'] as const))
        times[way]?.push(...(await this.first(way, 1)))
    const middle = (all: number[] = []) => all.sort((a, b) => a - b)[all.length >> 1]
    return { ours: middle(times.ours), hand: middle(times.hand) }
  },
  all: (way: keyof typeof ways) => ways[way]('/many', () => {}),
}
