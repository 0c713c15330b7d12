import { EventEmitter } from 'node:events'
import type { Outgoing, Progress } from '../wire/exchange.ts'

/** So many bytes wait in the stream before it counts as full. */
const room = 2 ** 14

/** An answer of Node's kind that becomes one of the web's: as soon as its head is due, or with all of it. */
export class FetchAnswer extends EventEmitter implements Outgoing {
  /** Always resolves, once. */
  readonly response: Promise<Response>
  statusCode = 200
  headersSent = false
  destroyed = false
  readonly progress: Progress = {
    unsent: () => this.writableLength,
    taken: () => this.written - this.writableLength,
    isOver: () => this.destroyed,
    drained: () => this.drained(),
  }
  private readonly headers = new Headers()
  private readonly answer: (response: Response) => void
  private body: ReadableStreamDefaultController<Uint8Array> | undefined
  private written = 0

  /** `left` is aborted when the client has gone, where the platform tells. */
  constructor(left: AbortSignal) {
    super()
    let answer: FetchAnswer['answer'] = () => {}
    this.response = new Promise(resolve => {
      answer = resolve
    })
    this.answer = answer
    if (left.aborted) this.leave()
    else left.addEventListener('abort', () => this.leave(), { once: true })
  }

  /** Bytes that nobody has read. */
  get writableLength(): number {
    return this.body && !this.destroyed ? room - (this.body.desiredSize ?? room) : 0
  }

  get writableNeedDrain(): boolean {
    return this.writableLength >= room
  }

  setHeader(name: string, value: string | number): void {
    this.headers.set(name, `${value}`)
  }

  writeHead(status: number, headers: Record<string, string>): void {
    this.statusCode = status
    for (const [name, value] of Object.entries(headers)) this.setHeader(name, value)
  }

  flushHeaders(): void {
    if (this.headersSent) return
    const start = (body: ReadableStreamDefaultController<Uint8Array>) => {
      this.body = body
    }
    const pull = () => void this.emit('drain')
    const cancel = () => this.close()
    this.say(new ReadableStream({ start, pull, cancel }, { highWaterMark: room, size: lengthOf }))
  }

  write(piece: string | Uint8Array): void {
    if (this.destroyed) return
    this.flushHeaders()
    const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece
    if (bytes.byteLength === 0) return
    this.written += bytes.byteLength
    this.body?.enqueue(bytes)
  }

  end(piece?: string | Uint8Array): void {
    if (this.destroyed) return
    if (this.headersSent) {
      if (piece !== undefined) this.write(piece)
      this.body?.close()
    } else this.say(this.statusCode === 204 ? null : (piece ?? null))
    queueMicrotask(() => this.close())
  }

  destroy(): void {
    if (this.destroyed) return
    if (this.headersSent) this.body?.error(new Error('the hub has cut this answer'))
    else this.sayNothing()
    this.close()
  }

  private leave(): void {
    if (this.destroyed) return
    if (this.headersSent) this.body?.close()
    else this.sayNothing()
    this.close()
  }

  private drained(): Promise<void> {
    return new Promise(resolve => {
      if (this.writableNeedDrain) this.once('drain', resolve)
      else resolve()
    })
  }

  private say(body: string | Uint8Array | ReadableStream<Uint8Array> | null): void {
    this.headersSent = true
    const head = { status: this.statusCode, headers: this.headers }
    // Cloudflare would encode the body once more for the header.
    const init = this.headers.has('Content-Encoding') ? { ...head, encodeBody: 'manual' } : head
    this.answer(new Response(body as BodyInit | null, init))
  }

  /** A platform waits for an answer, be it that nobody hears it. */
  private sayNothing(): void {
    this.statusCode = 503
    this.headers.delete('Content-Length')
    this.say(null)
  }

  private close(): void {
    if (this.destroyed) return
    this.destroyed = true
    this.emit('close')
  }
}

function lengthOf(piece: Uint8Array | undefined): number {
  return piece?.byteLength ?? 0
}
