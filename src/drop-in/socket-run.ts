import type { AnyBlob, AnyEvent } from '../here.ts'
import { utf8Length } from '../wire/payload.ts'
import { type Life, next, type Pace, pause, type Signal } from './socket-life.ts'
import { closeEvent, messageEvent, type SocketCloseEvent } from './socket-target.ts'
import { type Bye, socketURL, subprotocols } from './socket-words.ts'

/** What a WebSocket carries. */
export type SocketData = string | ArrayBuffer | ArrayBufferView | AnyBlob

/** How it is to go. */
export interface Course extends Pace {
  /** What is asked for before each try; text or a list is the same each time. */
  readonly url: unknown
  readonly protocols: unknown
  readonly minUptime: number
  readonly connectionTimeout: number
  readonly maxRetries: number
  readonly maxEnqueuedMessages: number
  /** The browser's own class, or another that the page has given. */
  native(): typeof WebSocket
  comesBack(event: SocketCloseEvent): boolean
  /** Tells the log of the page. */
  log(...words: unknown[]): void
  /** Hears of it. */
  hear(event: AnyEvent): void
}

/** What means that the network, or the page, is back. */
const returns = ['online', 'pageshow', 'resume']

/** One WebSocket after the other. `starts`: whether at once. */
export function runSocket(course: Course, starts: boolean) {
  let life: Life = { name: 'over', retries: 0 }
  /** The latest one, and whether it is still listened to. */
  let socket: WebSocket | undefined
  let heard = false
  let url = typeof course.url === 'function' ? '' : socketURL(course.url)
  const fixed = url && typeof course.protocols !== 'function' ? subprotocols(course.protocols) : undefined
  let binaryType: BinaryType = 'blob'
  const queue: SocketData[] = []
  /** End what a state began, and what it listened to. */
  let stop = () => {}
  let ignore = () => {}
  if (starts) {
    life = { name: 'connecting', retries: 0 }
    enter(false)
  }

  return {
    signal,
    native: course.native,
    get life() {
      return life
    },
    get url() {
      return url
    },
    get socket() {
      return socket
    },
    /** 0 to 3. */
    get readyState(): 0 | 1 | 2 | 3 {
      const { name } = life
      if (name === 'waiting' || name === 'over') return 3
      if (heard) return socket?.readyState as 0 | 1 | 2 | 3
      return name === 'connecting' ? 0 : 2
    },
    get binaryType() {
      return (life.name === 'open' && socket?.binaryType) || binaryType
    },
    set binaryType(type) {
      // Which others there are the class knows: `ws` has some.
      if (socket) {
        socket.binaryType = type
        binaryType = socket.binaryType
      } else if (type === 'blob' || type === 'arraybuffer') binaryType = type
    },
    /** How many bytes wait. */
    get waiting() {
      return queue.reduce((sum, each) => sum + sizeOf(each), 0)
    },
    send(data: SocketData): void {
      if (life.name === 'open' && socket?.readyState === 1) socket.send(data as string)
      else if (queue.length < course.maxEnqueuedMessages) queue.push(copied(data))
      else course.log('dropped', sizeOf(data))
    },
    /** All that waits, which is not sent any more. */
    drain(): SocketData[] {
      return queue.splice(0)
    },
  }

  function signal(what: Signal): void {
    const before = life
    life = next(before, what, course.maxRetries)
    if (life.name !== before.name) enter()
  }

  /** Makes true what the state says. `lasting`: whether a try that throws is followed by another, as all are but the first. */
  function enter(lasting = true): void {
    stop()
    ignore()
    stop = ignore = () => {}
    const { name } = life
    if (name === 'waiting') ignore = listen(returns, due)
    else if (name === 'open' || name === 'connecting') ignore = listen(['pageshow'], comeBack)
    if (name === 'connecting') connect(lasting)
    else if (name === 'open') after(course.minUptime, () => signal({ type: 'lasted' }))
    else if (name === 'waiting') wait(pause(life.retries, course, Math.random()))
    else if (life.name === 'closing') leave(life.bye)
    else if (life.name === 'renewing') renew(life.bye)
  }

  function after(ms: number, act: () => void): void {
    // A longer time than a timer can hold would be over at once.
    const timer = setTimeout(act, Math.min(ms, 2 ** 31 - 1))
    stop = () => clearTimeout(timer)
  }

  function wait(ms: number): void {
    course.log('wait', ms)
    after(ms, due)
  }

  function due(): void {
    signal({ type: 'due' })
  }

  /** Browsers end the connections of a page that they put aside, and tell it once it is back: there is no use in waiting for that, nor after it. */
  function comeBack({ persisted }: Partial<PageTransitionEvent>): void {
    if (!persisted) return
    heard = false
    socket?.close()
    lose({ failure: thrown(new Error('the page was put aside')) })
    due()
  }

  function connect(lasting: boolean): void {
    course.log('connect', life.retries)
    let wanted = true
    stop = () => {
      wanted = false
    }
    const failed = (error: unknown) => wanted && lose({ failure: thrown(error) })
    if (fixed) {
      try {
        return open(course.url, fixed)
      } catch (error) {
        if (lasting) return void failed(error)
        ignore()
        throw error
      }
    }
    Promise.all(
      [course.url, course.protocols].map(async each => (typeof each === 'function' ? each() : each)),
    )
      .then(([address, protocols]) => {
        if (!wanted) return
        url = socketURL(address)
        open(address, subprotocols(protocols))
      })
      .catch(failed)
  }

  function open(given: unknown, protocols: string[]): void {
    // An absolute address goes as it was written, since `ws` before its version 8 tells it like that.
    const own = new (course.native())(/^wss?:/.test(`${given}`) ? `${given}` : url, protocols)
    url = own.url || url
    let failure: object | undefined
    const isOver = () => own !== socket || !heard
    socket = own
    heard = true
    own.binaryType = binaryType
    after(course.connectionTimeout, () => {
      // It may tell at once, and it is this timeout that is told.
      heard = false
      own.close()
      lose({ failure: thrown(new Error('TIMEOUT')), reason: 'timeout' })
    })
    own.onopen = () => {
      if (isOver()) return
      signal({ type: 'opened' })
      if (life.name !== 'open') return
      course.log('open')
      while (queue.length > 0) own.send(queue.shift() as string)
      course.hear(new Event('open'))
    }
    own.onmessage = ({ data }) => isOver() || course.hear(messageEvent(data, url))
    // To the package `ws` an error that nobody listens for is an exception, also of a socket that was given up.
    // Both events are of one task (WHATWG WebSockets, "when the connection is closed"). With the second it is known whether a try follows.
    own.onerror = event => {
      // Node's classes know more than that it failed.
      failure = 'error' in event ? thrown(event.error) : {}
    }
    own.onclose = ({ code, reason, wasClean }) => isOver() || lose({ code, reason, wasClean, failure })
  }

  /** The connection has ended; `failure`, where it has failed, is what the page is told of that. */
  function lose(told: {
    code?: number
    reason?: string
    wasClean?: boolean
    failure: object | undefined
  }): void {
    const { code = 1_006, reason = '', wasClean = false, failure } = told
    const event = closeEvent({ code, reason, wasClean })
    heard = false
    course.log('close', code)
    signal({ type: 'lost', again: comesBack(event) })
    if (failure) course.hear(Object.assign(new Event('error'), failure))
    course.hear(event)
  }

  function comesBack(event: SocketCloseEvent): boolean {
    try {
      return course.comesBack(event)
    } catch (error) {
      // As what a listener throws, it goes to the page's error handlers, and ends nothing.
      const { reportError = console.error } = globalThis as { reportError?: (error: unknown) => void }
      reportError(error)
      return true
    }
  }

  function leave({ code, reason }: Bye): void {
    if (heard) socket?.close(code, reason)
    // It had not begun to connect.
    else after(0, () => lose({ failure: thrown(new Error('closed before it was connected')) }))
  }

  /** Does not wait for an answer: the page may have found that there is none. */
  function renew({ code = 1_000, reason = '' }: Bye): void {
    const connected = heard
    // Its own word on this would be a second one, and may come at once.
    heard = false
    if (connected) socket?.close(code, reason)
    after(0, () => lose({ code, reason, wasClean: true, failure: undefined }))
  }
}

/** What an `error` event tells of what was thrown. */
function thrown(error: unknown): object {
  const { message = `${error}` } = Object(error) as { message?: string }
  return { message, error }
}

/** Hears what happens to the page; gives back the undo. */
function listen(types: readonly string[], heard: (event: Event) => void): () => void {
  const places = [globalThis, globalThis.document]
  for (const type of types) for (const place of places) place?.addEventListener?.(type, heard)
  return () => {
    for (const type of types) for (const place of places) place?.removeEventListener?.(type, heard)
  }
}

/** As many bytes as it has on the wire. */
function sizeOf(data: SocketData): number {
  if (typeof data === 'string') return utf8Length(data)
  return 'size' in data ? data.size : data.byteLength
}

/** Buffers may be used again by the page. */
function copied(data: SocketData): SocketData {
  if (typeof data === 'string' || 'size' in data) return data
  if (!ArrayBuffer.isView(data)) return data.slice(0)
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength).slice()
}
