import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createWatch } from '../../server/log/watch.ts'

describe('a watch over somebody who is asked', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('finds silence when nothing is answered for so long', () => {
    const silent = vi.fn()
    const watch = createWatch(1_000, silent)
    watch.asked()
    vi.advanceTimersByTime(900)
    watch.asked() // another question is no answer
    vi.advanceTimersByTime(99)
    expect(silent).not.toHaveBeenCalled()
    vi.advanceTimersByTime(2)
    expect(silent).toHaveBeenCalledTimes(1)
  })

  it('takes slow answers for no silence, as long as one comes', () => {
    const silent = vi.fn()
    const watch = createWatch(1_000, silent)
    for (let n = 0; n < 20; n++) watch.asked()
    for (let n = 0; n < 19; n++) {
      vi.advanceTimersByTime(900)
      watch.answered()
    }
    expect(silent).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1_001)
    expect(silent).toHaveBeenCalledTimes(1)
  })

  it('waits for nothing when nothing was asked', () => {
    const silent = vi.fn()
    const watch = createWatch(1_000, silent)
    watch.asked()
    watch.answered()
    vi.advanceTimersByTime(10_000)
    expect(silent).not.toHaveBeenCalled()
  })

  it('reads what came while the process was busy before it decides', () => {
    const silent = vi.fn()
    const watch = createWatch(1_000, silent)
    setTimeout(() => setImmediate(watch.answered), 1_000) // the timer is first; the answer is read in the same turn
    watch.asked()
    watch.asked()
    vi.advanceTimersByTime(1_001)
    expect(silent).not.toHaveBeenCalled()
    vi.advanceTimersByTime(1_001)
    expect(silent).toHaveBeenCalledTimes(1)
  })
})
