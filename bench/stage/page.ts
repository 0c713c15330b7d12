/** What runs in the page of a contestant: opens its line and watches what comes. Times are of `performance.now()`. */
import type { Line, Open } from '../peers/peer.ts'

/** When messages came. */
export interface Arrivals {
  /** Their numbers, in the order of their coming. */
  readonly numbers: number[]
  readonly times: number[]
}

declare global {
  interface Window {
    bench: {
      /** Settles when the first message is there. */
      open(via?: string): Promise<void>
      /** Settles with the time of the last of so many messages from now on; nothing else is done with them. */
      count(messages: number): Promise<number>
      /** Notes each message from now on, until `noted` is asked for. */
      note(): void
      noted(): Arrivals
      /** Sends so many of this size, at most `window` of them on their way at once. Settles when all were taken or handed over. */
      send(messages: number, size: number, window: number): Promise<void>
      sending?: Promise<void>
      /** Notes each animation frame from now on, until `drawn` is asked for. */
      draw(): void
      drawn(): { readonly times: number[] }
      close(): void
    }
  }
}

export function offer(open: Open): void {
  let line: Line
  let hear: (text: string) => void
  let fail: (why: Error) => void
  let arrivals: Arrivals = { numbers: [], times: [] }
  let frame = 0
  let frames: number[] = []

  window.bench = {
    open: via =>
      new Promise((resolve, reject) => {
        hear = () => resolve()
        fail = reject
        const failed = () => fail(new Error('it ended, or messages are lost'))
        const ears = { heard: (text: string) => hear(text), failed }
        line = open(ears, via)
      }),
    count: messages =>
      new Promise((resolve, reject) => {
        let left = messages
        fail = reject
        hear = () => {
          if (--left === 0) resolve(performance.now())
        }
      }),
    note() {
      const { numbers, times } = { numbers: [], times: [] } as Arrivals
      arrivals = { numbers, times }
      hear = text => {
        times.push(performance.now())
        numbers.push(Number.parseInt(text, 10))
      }
    },
    noted: () => arrivals,
    async send(messages, size, window) {
      let next = 1
      const work = async () => {
        while (next <= messages) await line.send?.(`${next++} `.padEnd(size, 'x'))
      }
      await Promise.all(Array.from({ length: window }, work))
    },
    draw() {
      const times: number[] = []
      const note = () => {
        times.push(performance.now())
        frame = requestAnimationFrame(note)
      }
      frames = times
      note()
    },
    drawn() {
      cancelAnimationFrame(frame)
      return { times: frames }
    },
    close: () => line.close(),
  }
}
