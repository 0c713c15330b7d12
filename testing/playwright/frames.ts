/** Cuts what comes over a WebSocket into whole frames (RFC 6455, 5.2). */
export function createFrameReader(): (chunk: Buffer) => Buffer[] {
  let rest: Buffer = Buffer.alloc(0)
  return chunk => {
    rest = Buffer.concat([rest, chunk])
    const frames: Buffer[] = []
    for (let size = frameSize(rest); size <= rest.length; size = frameSize(rest)) {
      frames.push(rest.subarray(0, size))
      rest = rest.subarray(size)
    }
    return frames
  }
}

/** A close frame as a server sends it: FIN, opcode 8, two bytes of status. */
export function closeFrame(code: number): Buffer {
  return Buffer.from([0x88, 2, code >> 8, code & 255])
}

export function isClose(frame: Buffer): boolean {
  return (frame.readUInt8(0) & 15) === 8
}

/** Infinity while the frame's own head has not come. */
function frameSize(bytes: Buffer): number {
  if (bytes.length < 2) return Infinity
  const second = bytes.readUInt8(1)
  const mask = second & 128 ? 4 : 0
  const short = second & 127
  if (short < 126) return 2 + mask + short
  if (short === 126) return bytes.length < 4 ? Infinity : 4 + mask + bytes.readUInt16BE(2)
  return bytes.length < 10 ? Infinity : 10 + mask + Number(bytes.readBigUInt64BE(2))
}
