import type { Block } from '../wire/block.ts'
import { encode } from '../wire/encoder.ts'
import { hold } from './hold.ts'
import type { Place } from './place.ts'

/** What a tab brings to others. */
export interface Carrier {
  /** Hands on a block of its channel that is another tab's. */
  pass(block: Block): void
  close(): void
}

/** `say` tells the server. */
export function createCarrier({ key, locks, createChannel }: Place, say: (text: string) => void): Carrier {
  const carried = new Map<string, { post(data: unknown): void; stop(): void }>()
  return {
    pass({ re = '', data }) {
      const line = carried.get(re) ?? begin(re)
      line.post(data)
    },
    close() {
      for (const { stop } of [...carried.values()]) stop()
    },
  }

  /** The other tab has the lock of this name as long as it listens. */
  function begin(name: string) {
    const to = createChannel(`${key} ${name}`)
    const release = hold(locks, `${key} ${name}`, left, () => {})
    const line = {
      post: (data: unknown) => to.postMessage(data),
      stop() {
        carried.delete(name)
        release()
        to.close()
      },
    }
    carried.set(name, line)
    return line

    function left(): void {
      line.stop()
      say(encode({ event: 'rt.drop', data: name }))
    }
  }
}
