import type { ServerResponse } from 'node:http'

/** Clients that ask again and again: what waits for one goes out with its next request, all of it. */
export interface Polls {
  wait(name: string, response: ServerResponse): void
  /** Whether nobody has asked for a sender for it yet. */
  isNew(name: string): boolean
  sender(name: string): (text: string) => void
}

export function createPolls(join: (texts: string[]) => string): Polls {
  const boxes = new Map<string, string[]>()
  const waiting = new Map<string, ServerResponse>()
  return {
    wait(name, response) {
      waiting.set(name, response)
      response.once('close', () => {
        if (waiting.get(name) === response) waiting.delete(name)
      })
      release(name)
    },
    isNew: name => !boxes.has(name),
    sender(name) {
      const texts: string[] = []
      boxes.set(name, texts)
      return text => {
        texts.push(text)
        // What is said in one turn goes together.
        if (texts.length === 1) setImmediate(release, name)
      }
    },
  }

  function release(name: string): void {
    const texts = boxes.get(name)
    const response = waiting.get(name)
    if (!texts?.length || !response) return
    waiting.delete(name)
    response.setHeader('Content-Type', 'text/plain')
    response.setHeader('Cache-Control', 'no-store')
    response.end(join(texts.splice(0)))
  }
}
