/** Milliseconds of the machine's clock that all processes share. */
export function monotonic(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
