import { startTcpProxy, type TcpProxy } from '../../e2e/fixtures/tcp-proxy.ts'
import type { Registry } from '../../server/log/log.ts'

/** A registry by which other hubs reach this one through a box, which can hold back what travels between them. */
export function boxed(registry: Registry): { registry: Registry; box: Promise<TcpProxy> } {
  let own = '' // where this hub listens for others
  let through = '' // where others are told that it does
  let opened = (_: TcpProxy) => {}
  const box = new Promise<TcpProxy>(resolve => {
    opened = resolve
  })
  const outward = (text: string) => (own ? text.replaceAll(`"${own}"`, `"${through}"`) : text)
  const inward = (text: string | undefined) => (own ? text?.replaceAll(`"${through}"`, `"${own}"`) : text)
  return {
    box,
    registry: {
      ...registry,
      get: async key => (key === 'nodes' ? inward(await registry.get(key)) : registry.get(key)),
      async compareAndSet(key, expected, text, lasts) {
        if (key !== 'nodes') return registry.compareAndSet(key, expected, text, lasts)
        if (!own) await begin(text, expected ?? '')
        const before = expected === undefined ? undefined : outward(expected)
        return inward(await registry.compareAndSet(key, before, outward(text), lasts))
      },
    },
  }

  /** What it adds to the list first is its own address. */
  async function begin(text: string, before: string): Promise<void> {
    const addresses = Array.from(text.matchAll(/"([\d.]+:\d+)"/g), ([, address = '']) => address)
    own = addresses.find(address => !before.includes(`"${address}"`)) ?? ''
    const proxy = await startTcpProxy(Number(own.split(':')[1]))
    through = `127.0.0.1:${proxy.port}`
    opened(proxy)
  }
}
