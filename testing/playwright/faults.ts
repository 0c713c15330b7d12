/** The catalogue of what middleboxes do to a line. Each is a fault to `put` into a proxy. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createGzip } from 'node:zlib'
import type { Answer, Cut, Fault, Stage, Via } from './fault-proxy.ts'

export const streams: readonly Via[] = ['eventsource', 'xhr-streaming']
const sockets: readonly Via[] = ['websocket']
const gets: readonly Via[] = ['eventsource', 'xhr-streaming', 'long-polling', 'jsonp']

/** The box answers itself, to those who come this way, and the server never hears of it. */
export function refused(status: number, on: readonly Via[]): Fault {
  const words = status === 407 ? { 'Proxy-Authenticate': 'Basic realm="the box"' } : {}
  const headers = { 'Content-Type': 'text/plain', 'Cache-Control': 'no-store', ...words }
  return { on, answer: visit => visit.reply(status, headers, 'refused by the box\n') }
}

/** The box takes the request and never answers. */
export function swallowed(on: readonly Via[]): Fault {
  return { on, answer() {} }
}

/** Every address shows the same login page. */
export const captivePortal: Fault = {
  answer: visit =>
    visit.reply(
      200,
      { 'Content-Type': 'text/html; charset=utf-8' },
      '<!doctype html>\n<title>Welcome to the hotel</title>\n<p>data: please log in\n\n',
    ),
}

/** The handshake is answered with 101; then nothing goes either way. */
export const silentSockets: Fault = { on: sockets, down: nothing, up: nothing }

/** The handshake and what the server says come through; what the browser says is lost. */
export const deafSockets: Fault = { on: sockets, up: nothing }

/** The handshake is answered with 101, so many frames come down, and the box hangs up. */
export function socketsCutAfterFrames(most: number): Fault {
  return {
    on: sockets,
    down(next, visit) {
      let passed = 0
      if (most === 0) setImmediate(() => visit.cut('fin'))
      return {
        end: next.end,
        write(frame) {
          if (++passed > most) return
          next.write(frame)
          if (passed === most) visit.cut('fin')
        },
      }
    },
  }
}

/** What the server says comes through; when the browser says something, the box hangs up. */
export const socketsCutWhenAsked: Fault = {
  on: sockets,
  up: (next, visit) => ({ write: () => visit.cut('fin'), end: next.end }),
}

/** Every connection of this kind ends so long after it began, whatever goes on in it. In ms. */
export function cutAfter(time: number, on: readonly Via[]): Fault {
  return {
    on,
    down(next, visit) {
      setTimeout(() => visit.cut('fin'), time)
      return next
    },
  }
}

/** A connection on which nothing comes down for so long is cut. In ms. */
export function cutWhenIdle(patience: number): Fault {
  return {
    down(next, visit) {
      const timer = setTimeout(() => visit.cut('fin'), patience)
      return {
        write(chunk) {
          timer.refresh()
          next.write(chunk)
        },
        end() {
          clearTimeout(timer)
          next.end()
        },
      }
    },
  }
}

/** After so many bytes of the body, wherever in a block or a frame that is, the connection breaks. */
export function cutAfterBytes(most: number, kind: Cut, on: readonly Via[]): Fault {
  return {
    on,
    down(next, visit) {
      let left = most
      return {
        end: next.end,
        write(chunk) {
          if (left <= 0) return
          next.write(chunk.subarray(0, left))
          left -= chunk.length
          // Bytes that a reset overtakes are lost; the browser is to hear them first.
          if (left <= 0) setTimeout(() => visit.cut(kind), 20)
        },
      }
    },
  }
}

/** Nothing is passed before the answer is complete. */
export const buffered: Fault = { on: gets, down: next => gather(next, () => false) }

/** The first so many bytes are collected before anything is passed, and so on. */
export function bufferedUntil(bytes: number): Fault {
  return { on: gets, down: next => gather(next, size => size >= bytes) }
}

/** The box compresses, and passes what its compressor gives out by itself. */
export const gzipped: Fault = {
  on: gets,
  answering(headers) {
    delete headers['content-length']
    headers['content-encoding'] = 'gzip'
  },
  down(next) {
    const gzip = createGzip()
    gzip.on('data', next.write).on('end', next.end)
    return { write: chunk => void gzip.write(chunk), end: () => void gzip.end() }
  },
}

/** Every byte travels alone, characters and line ends torn apart. */
export function byteByByte(on: readonly Via[]): Fault {
  return {
    on,
    down: next => ({
      end: next.end,
      write(chunk) {
        for (let at = 0; at < chunk.length; at++) next.write(chunk.subarray(at, at + 1))
      },
    }),
  }
}

/** So many bytes come through; then nothing, and the connection stays. */
export function firstBytes(most: number, on: readonly Via[]): Fault {
  return {
    on,
    down(next) {
      let left = most
      return {
        end: next.end,
        write(chunk) {
          if (left > 0) next.write(chunk.subarray(0, left))
          left -= chunk.length
        },
      }
    },
  }
}

/** Each piece is passed when the next one comes. */
export function lateByOne(on: readonly Via[]): Fault {
  return {
    on,
    down(next) {
      let held: Buffer | undefined
      return {
        write(chunk) {
          if (held) next.write(held)
          held = chunk
        },
        end() {
          if (held) next.write(held)
          next.end()
        },
      }
    },
  }
}

/** So many bytes per second, for each connection, also where timers are late: then what is due goes at once. */
export function slow(rate: number, on: readonly Via[]): Fault {
  const size = 100
  return {
    on,
    down(next) {
      const pieces: Buffer[] = []
      let passing: Promise<void> | undefined
      return {
        end: () => void Promise.resolve(passing).then(() => next.end()),
        write(chunk) {
          for (let at = 0; at < chunk.length; at += size) pieces.push(chunk.subarray(at, at + size))
          passing ??= pass()
        },
      }

      async function pass(): Promise<void> {
        let due = performance.now()
        for (let piece = pieces.shift(); piece; piece = pieces.shift()) {
          due += (piece.length / rate) * 1000
          const left = due - performance.now()
          if (left > 0) await sleep(left)
          next.write(piece)
        }
        passing = undefined
      }
    },
  }
}

/** The box deletes these request headers. */
export function withoutHeaders(...names: string[]): Fault {
  return {
    asking(headers) {
      for (const name of names) delete headers[name.toLowerCase()]
    },
  }
}

/** A cache that keeps every answer that ends, whatever the server says of it, and gives it to whoever asks for the same address. */
export function cache(): Fault {
  const kept = new Map<string, Promise<Answer>>()
  return {
    on: ['long-polling', 'jsonp'],
    answer(visit) {
      const known = kept.get(visit.path) ?? visit.ask()
      kept.set(visit.path, known)
      void known.then(({ status, headers, body }) => visit.reply(status, headers, body))
    },
  }
}

/** The server takes the message, and of its answers every other one is lost with the connection. */
export function repliesLost(kind: Cut): Fault {
  let count = 0
  return {
    on: ['post'],
    async answer(visit) {
      const { status, headers, body } = await visit.ask(await visit.body())
      if (count++ % 2 === 0) visit.cut(kind)
      else visit.reply(status, headers, body)
    },
  }
}

/** The server gets everything twice, and the client the second answer. */
export const postsDoubled: Fault = {
  on: ['post'],
  async answer(visit) {
    const sent = await visit.body()
    await visit.ask(sent)
    const { status, headers, body } = await visit.ask(sent)
    visit.reply(status, headers, body)
  },
}

/** The first so many are given up by the box, which brings them to the server all the same, long after those that were sent later. */
export function postsLate(count: number, late: number): Fault {
  let left = count
  return {
    on: ['post'],
    async answer(visit) {
      const sent = await visit.body()
      if (left-- > 0) {
        visit.cut('rst')
        await sleep(late)
        return void visit.ask(sent).catch(() => {})
      }
      const { status, headers, body } = await visit.ask(sent)
      visit.reply(status, headers, body)
    },
  }
}

function nothing(next: Stage): Stage {
  return { write() {}, end: next.end }
}

/** Collects what comes, and passes it all when there is enough, and at the end. */
function gather(next: Stage, isEnough: (size: number) => boolean): Stage {
  let held: Buffer[] = []
  const release = () => {
    if (held.length > 0) next.write(Buffer.concat(held))
    held = []
  }
  return {
    write(chunk) {
      held.push(chunk)
      if (isEnough(held.reduce((size, each) => size + each.length, 0))) release()
    },
    end() {
      release()
      next.end()
    },
  }
}
