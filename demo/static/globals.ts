/** What Node has without an import, and a page has not, or has in another way. */

/** A Buffer is a Uint8Array that can be read as text. */
class Bytes extends Uint8Array {
  copy(target: Uint8Array, at = 0): number {
    target.set(this, at)
    return this.length
  }

  override toString(encoding = 'utf8', start = 0, end = this.length): string {
    const part = this.subarray(start, end)
    if (encoding !== 'base64url') return new TextDecoder().decode(part)
    const text = btoa(String.fromCharCode(...part))
    return text.replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '')
  }
}

export const Buffer = {
  from(value: string | ArrayBufferLike | ArrayLike<number>, at = 0, length?: number): Bytes {
    if (typeof value === 'string') return Buffer.from(new TextEncoder().encode(value))
    return 'byteLength' in value && !ArrayBuffer.isView(value)
      ? new Bytes(value as ArrayBuffer, at, length)
      : new Bytes(value as ArrayLike<number>)
  },
  alloc: (length: number) => new Bytes(length),
  allocUnsafeSlow: (length: number) => new Bytes(length),
  byteLength: (text: string) => new TextEncoder().encode(text).length,
  concat(parts: Uint8Array[]): Bytes {
    const whole = new Bytes(parts.reduce((sum, { length }) => sum + length, 0))
    let at = 0
    for (const part of parts) {
      whole.set(part, at)
      at += part.length
    }
    return whole
  },
}

/** Timers in Node keep the process alive unless they are told not to; a page needs no telling. */
export function setTimeout(act: (...given: never[]) => void, ms?: number, ...given: never[]) {
  return asTimer(globalThis.setTimeout(act, ms, ...given))
}

export function setInterval(act: () => void, ms?: number) {
  return asTimer(globalThis.setInterval(act, ms))
}

/** In the order in which they were asked for, and after what is promised by then. */
export function setImmediate(act: (...given: unknown[]) => void, ...given: unknown[]): void {
  const { port1, port2 } = new MessageChannel()
  port1.onmessage = () => {
    port1.close()
    act(...given)
  }
  port2.postMessage(null)
}

/** A number with a method, which `clearTimeout` takes as the number. */
function asTimer(timer: unknown) {
  const told = Object.assign(Object(timer), { unref: () => told })
  return told
}
