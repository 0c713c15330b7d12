/** How many slots a Redis Cluster has. */
const slots = 16_384

/** The slot of what a key has in its braces: CRC-16 of its bytes in the variant XMODEM, as the specification of Redis Cluster has it. */
export function slotOf(text: string): number {
  let crc = 0
  for (const byte of Buffer.from(text)) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : crc << 1
  }
  return crc % slots
}

/**
 * So many texts that begin with `prefix`, whose slots are evenly spaced: each is near the middle of its part of all slots, so that nodes which share the slots evenly share these evenly.
 * The same arguments give the same texts.
 */
export function tagsOf(prefix: string, count: number): string[] {
  const part = slots / count
  return Array.from({ length: count }, (_, n) => {
    const middle = (n + 0.5) * part
    for (let number = 0; ; number++) {
      const tag = `${prefix}:${number}`
      if (Math.abs(slotOf(tag) - middle) <= part / 8) return tag
    }
  })
}
