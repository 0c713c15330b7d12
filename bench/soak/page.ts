import type { Heard, Sent } from '../../test/history.ts'

/** What a line has heard and sent, and how often it opened. */
export interface LineBooks {
  /** Where it stood when it first opened. */
  after: string
  heard: Heard[]
  sent: Sent[]
  opened: number
}

export interface Figures {
  /** Lines that are open, and sends without an answer. */
  readonly open: number
  readonly pending: number
}

declare global {
  /** What `openLines` leaves in the page. */
  var soaking: {
    /** What was written down since the last time; sends only once they have an answer. */
    collect(): Figures & { lines: LineBooks[] }
    stopSending(): void
    close(): void
  }
}

interface PageLine {
  readonly readyState: number
  readonly lastEventId: string
  send(data: string): Promise<void>
  addEventListener(
    type: string,
    listener: (event: { data: string; lastEventId: string; to: string }) => void,
  ): void
  close(): void
}

/** In the page: opens a line for each way, each by a port of its own, and lets each send something every so many ms. */
export function openLines({
  name,
  ways,
  ports,
  every,
}: {
  /** No other page has it: what is sent begins with it. */
  name: string
  ways: string[][]
  ports: number[]
  every: number
}): void {
  const { connect } = (globalThis as never as { Throughline: { connect: (...given: unknown[]) => PageLine } })
    .Throughline
  const lines = ways.map((transports, index) => openLine(transports, index))
  const sending = setInterval(() => {
    for (const line of lines) line.send()
  }, every)

  globalThis.soaking = {
    collect: () => ({
      lines: lines.map(line => line.collect()),
      open: lines.filter(line => line.isOpen()).length,
      pending: lines.reduce((sum, line) => sum + line.pending(), 0),
    }),
    stopSending: () => clearInterval(sending),
    close() {
      for (const line of lines) line.close()
    },
  }

  function openLine(transports: string[], index: number) {
    const line = connect(`http://127.0.0.1:${ports[index]}/live?topic=lobby`, { transports })
    let heard: LineBooks['heard'] = []
    const sent: { data: string; outcome?: string }[] = []
    let opened = 0
    let count = 0
    let after = ''
    line.addEventListener('open', () => {
      opened++
      after ||= line.lastEventId
    })
    line.addEventListener('message', ({ data, lastEventId: id }) => heard.push({ type: 'message', id, data }))
    line.addEventListener('gap', ({ to }) => heard.push({ type: 'gap', to }))
    return {
      send() {
        const entry: (typeof sent)[0] = { data: `${name}.${index}:${++count}` }
        sent.push(entry)
        line.send(entry.data).then(
          () => {
            entry.outcome = 'taken'
          },
          error => {
            entry.outcome = error.kind
          },
        )
      },
      collect(): LineBooks {
        // Their order is that of sending, so none that has an answer overtakes one that has not.
        const unanswered = sent.findIndex(({ outcome }) => outcome === undefined)
        const answered = sent.splice(0, unanswered < 0 ? sent.length : unanswered)
        const books = { after, heard, sent: answered, opened }
        heard = []
        opened = 0
        return books
      },
      isOpen: () => line.readyState === 1,
      pending: () => sent.length,
      close: () => line.close(),
    }
  }
}
