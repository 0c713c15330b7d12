import { expect, it } from 'vitest'
import { atLeast, atMost } from '../bench/report/findings.ts'
import { standingOf } from '../bench/report/standing.ts'

it('says of each question what is furthest ahead of its bar, and what furthest behind', () => {
  const text = standingOf([
    {
      title: 'Time, first',
      bars: [
        atMost('near', 1.9, 2, 'ms'),
        atMost('far', 0.5, 2, 'ms'),
        atMost('late', 3, 2, 'ms'),
        atLeast('slow', 1, 4, '×'),
        atMost('never', Number.POSITIVE_INFINITY, 2, 'ms'),
        atMost('lost', 0, 0, ''),
      ],
    },
    { title: 'Nothing asked', bars: [] },
  ])
  expect(text).toContain('Of the 6 bars')
  expect(text).toContain(', 3 are met.')
  expect(text).toContain(
    '| [Time, first](#time-first) | 3 of 6 | far: 0.50 ms (bar 2.00 ms) | slow: 1.00 × (bar 4.00 ×) |',
  )
  expect(text).not.toContain('Nothing asked')
})
