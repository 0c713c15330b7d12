/** What is thrown while `act` runs and nobody catches: in a page it would reach `window.onerror`. */
export async function uncaught(act: () => unknown): Promise<unknown[]> {
  const errors: unknown[] = []
  const others = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', error => errors.push(error))
  try {
    await act()
    // Such errors are reported from a timer of their own.
    await new Promise(resolve => setTimeout(resolve, 5))
  } finally {
    process.removeAllListeners('uncaughtException')
    for (const other of others) process.on('uncaughtException', other)
  }
  return errors
}
