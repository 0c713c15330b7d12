import type { Line, Open } from '../../peers/peer.ts'

/** What one page load brought. */
export interface Taken {
  /** From the call of the constructor to the first message; `null` if none came in time, or none can come any more. */
  readonly ms: number | null
  readonly carrier: string | null
  /** How long a transport may be silent before the next one joins, by the round trip that this page has measured. */
  readonly stagger: number
}

declare global {
  interface Window {
    firstMessage(cap: number): Promise<Taken>
    /** Connects and closes so often, so that the server is at home with it. */
    warmUp(times: number): Promise<void>
  }
}

/** The page is measured when it is asked to, some time after it was loaded. */
export function offer(open: Open): void {
  window.firstMessage = cap =>
    new Promise(resolve => {
      const stagger = staggerHere()
      const started = performance.now()
      const heard = (carrier: string) => resolve({ ms: performance.now() - started, carrier, stagger })
      const failed = () => resolve({ ms: null, carrier: null, stagger })
      setTimeout(failed, cap)
      open({ heard, failed })
    })
  window.warmUp = async times => {
    for (let time = 0; time < times; time++) await openAndClose(open)
  }
}

async function openAndClose(open: Open): Promise<void> {
  const line = await new Promise<Line>(resolve => {
    const line = open({ heard: () => setTimeout(resolve, 0, line), failed: () => resolve(line) })
    setTimeout(resolve, 1_000, line)
  })
  line.close()
}

/** Three round trips, but at least 100 ms and at most 2 s. The page's own answer is the round trip. */
function staggerHere(): number {
  const trips = ['navigation', 'resource']
    .flatMap(type => performance.getEntriesByType(type) as PerformanceResourceTiming[])
    .map(({ requestStart, responseStart }) => responseStart - requestStart)
    .filter(trip => trip > 0)
  return Math.min(Math.max(3 * Math.min(...trips), 100), 2_000)
}
