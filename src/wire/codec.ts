/** What a message may carry. */
export type Payload = string | ArrayBuffer | ArrayBufferView

/** Turns the page's values into payloads and back. */
export interface Codec {
  encode(value: unknown): Payload
  decode(payload: string | ArrayBuffer): unknown
}

/** Text and bytes as they are. Other values go up as JSON. */
export const asItIs: Codec = {
  encode(value) {
    if (typeof value === 'string' || value instanceof ArrayBuffer) return value
    if (ArrayBuffer.isView(value))
      return value.buffer.slice(value.byteOffset, value.byteOffset + value.byteLength) as ArrayBuffer
    const text = JSON.stringify(value)
    if (text === undefined)
      throw new TypeError(`send: ${typeof value} can't be sent; send text, bytes or what JSON can write`)
    return text
  },
  decode: payload => payload,
}

/** Values as JSON, both ways. Bytes stay bytes. */
export const json: Codec = {
  encode: value =>
    value instanceof ArrayBuffer || ArrayBuffer.isView(value) ? asItIs.encode(value) : JSON.stringify(value),
  decode: payload => (typeof payload === 'string' ? JSON.parse(payload) : payload),
}
