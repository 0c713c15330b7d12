/** What a message may carry. */
export type Payload = string | ArrayBuffer | ArrayBufferView

/** How many characters a page takes in one message unless it says otherwise. */
export const largest = 2 ** 23

/** Turns the page's values into payloads and back. */
export interface Codec {
  /** Makes text or bytes of what `send()` was given. What it throws rejects that `send()`. */
  encode(value: unknown): Payload
  /** Makes `event.data` of what came. If it throws, an `error` and a `gap` event tell of the message, and the line goes on. */
  decode(payload: string | ArrayBuffer): unknown
}

/** Text and bytes as they are. Other values go up as JSON: where the dialect can say so, they arrive as values. */
export const rawCodec: Codec = {
  encode: value => (isPayload(value) ? value : toJson(value)),
  decode: payload => payload,
}

/** The same for servers that take no bytes. `who`, as an error begins: `a Mercure hub takes`. */
export function textCodec(who: string): Codec {
  return {
    ...rawCodec,
    encode(value) {
      const payload = rawCodec.encode(value)
      if (typeof payload === 'string') return payload
      throw new TypeError(`send: ${who} text only; send bytes as base64`)
    },
  }
}

/** Values as JSON, both ways. Bytes stay bytes. */
export const json: Codec = {
  encode: value => (isBytes(value) ? (value as Payload) : toJson(value)),
  decode: payload => (typeof payload === 'string' ? JSON.parse(payload) : payload),
}

/**
 * What a codec gave, as it is now: bytes are copied, so that their buffer can be used again, or belong to another thread.
 *
 * @throws {TypeError} when it is neither text nor bytes
 */
export function asPayload(encoded: unknown): string | ArrayBuffer {
  if (typeof encoded === 'string') return encoded
  if (!isBytes(encoded))
    throw new TypeError(`send: the codec's encode gave ${show(encoded)}; it has to give text or bytes`)
  const bytes = ArrayBuffer.isView(encoded)
    ? new Uint8Array(encoded.buffer, encoded.byteOffset, encoded.byteLength)
    : new Uint8Array(encoded as ArrayBuffer)
  return bytes.slice().buffer
}

/** Whether it goes as it is. */
export function isPayload(value: unknown): value is Payload {
  return typeof value === 'string' || isBytes(value)
}

/** Also those of another frame, whose classes are others, and those that threads share. */
export function isBytes(value: unknown): boolean {
  return ArrayBuffer.isView(value) || /^(Shared)?ArrayBuffer$/.test(tagOf(value))
}

/**
 * What JSON would leave out or change is refused, wherever in the value it is. A property that is `undefined` counts as absent, and
 * what has a `toJSON` speaks for itself.
 *
 * @throws {TypeError} that names it, beginning with `where`
 */
export function toJson(value: unknown, where = 'send'): string {
  // Not an arrow: `this` is what the value is in, and knows it as it was before its `toJSON`.
  const text = JSON.stringify(value, function (this: unknown, name, written) {
    const given = (this as Record<string, unknown>)[name]
    const isAbsent = written === undefined && name !== '' && !Array.isArray(this)
    if (isAbsent || (isJson(written) && !(written === null && tagOf(given) === 'Date'))) return written
    const member = name === '' ? '' : `"${name}" in it is `
    throw new TypeError(
      `${where}: ${member}${show(given)}, which JSON can't hold; send text, bytes or plain values`,
    )
  })
  return text
}

/** Whether JSON can hold it: of an object the kind, since what is in it comes by itself. */
function isJson(value: unknown): boolean {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return true
  if (typeof value === 'number') return Number.isFinite(value)
  if (typeof value !== 'object') return false
  const tag = tagOf(value)
  return /^(Object|Array|String|Boolean)$/.test(tag) || (tag === 'Number' && Number.isFinite(Number(value)))
}

/** A value as an error shows it: its kind, where it is an object. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 100 ? `${value.slice(0, 99)}…` : value)
  if (typeof value === 'function') return 'a function'
  if (typeof value === 'bigint') return `${value}n`
  return typeof value === 'object' && value ? `[object ${tagOf(value)}]` : String(value)
}

/** The kind of an object, as every frame and realm has it. */
function tagOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1)
}
