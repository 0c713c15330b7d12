/** Puts a function behind those that were put before. */
export type Queue = (act: () => void) => void

/**
 * Runs each function in a task of its own, in their order, as the events of a browser's own EventSource are dispatched: what a handler has promised itself is done before the next
 * event comes. A timer would make each wait for 4 ms.
 */
export function taskQueue(): Queue {
  const { setImmediate } = globalThis as { setImmediate?: Queue }
  // Where it is, a message port would keep the process alive.
  if (setImmediate) return act => void setImmediate(act)
  const { port1, port2 } = new MessageChannel()
  const waiting: (() => void)[] = []
  port1.onmessage = () => waiting.shift()?.()
  return act => {
    waiting.push(act)
    port2.postMessage(0)
  }
}
