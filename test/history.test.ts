import { describe, expect, test } from 'vitest'
import { type Heard, type Sent, upwardViolations, violations } from './history.ts'

const published = [
  ...[1, 2, 3, 4, 5].map(seq => ({ id: `a.${seq}.t`, data: `a${seq}` })),
  ...[1, 2, 3].map(seq => ({ id: `b.${seq}.t`, data: `b${seq}` })),
]
const firstLife = published.slice(0, 5)

describe('a history is clean', () => {
  test.each<[string, Heard[], string?]>([
    ['when all came once and in order', hear('a1 a2 a3 a4 a5')],
    ['when it begins with the first that was heard', hear('a3 a4 a5')],
    ['after the position it was asked to begin at', hear('a3 a4 a5'), 'a.2.t'],
    ['when a gap declares what is missing', hear('a1 >a.3.t a4 a5')],
    ['when a gap declares more than is missing', hear('a1 >a.5.t a4 a5')],
    ['when the rest is declared lost', hear('a1 a2 >a.5.t')],
    ['whatever else is heard', [{ type: 'open' }, ...hear('a1 a2 a3 a4 a5'), { type: 'error' }]],
  ])('%s', (_, heard, after) => {
    expect(violations(firstLife, heard, after)).toEqual([])
  })

  test('when the log began a new life and a gap says so', () => {
    expect(violations(published, hear('a1 a2 >b.0.t b1 b2 b3'))).toEqual([])
  })
})

describe('a history is not clean', () => {
  test.each<[string, Heard[], string[], string?]>([
    ['when one came twice', hear('a1 a2 a2 a3 a4 a5'), ['twice a2']],
    ['when two changed places', hear('a1 a3 a2 a4 a5'), ['missing a2', 'order a2']],
    ['when one is missing', hear('a1 a2 a4 a5'), ['missing a3']],
    ['when the last are missing', hear('a1 a2 a3'), ['missing a4', 'missing a5']],
    ['when the first is missing', hear('a2 a3 a4 a5'), ['missing a1'], 'a.0.t'],
    ['when nothing came at all', [], ['missing a4', 'missing a5'], 'a.3.t'],
    ['when the gap comes after what it should excuse', hear('a1 a4 >a.3.t a5'), ['missing a2', 'missing a3']],
    ['when the gap declares too little', hear('a1 >a.2.t a4 a5'), ['missing a3']],
    ['when what the gap names comes twice', hear('a1 a2 >a.2.t a2 a3 a4 a5'), ['twice a2']],
    ['when what comes was never published', hear('a1 x2 a2 a3 a4 a5'), ['unknown x2']],
    ['when the life of the gap is unknown', hear('a1 >z.9.t a3 a4 a5'), ['missing a2']],
    [
      'when its data is another',
      [...hear('a1'), { type: 'message', id: 'a.2.t', data: 'half' }, ...hear('a3 a4 a5')],
      ['altered half'],
    ],
  ])('%s', (_, heard, expected, after) => {
    expect(violations(firstLife, heard, after).map(inWords)).toEqual(expected)
  })

  test('when the log began a new life and nothing says so', () => {
    expect(violations(published, hear('a1 a2 a3 b1 b2 b3')).map(inWords)).toEqual([
      'missing a4',
      'missing a5',
    ])
  })
})

describe('sending is clean', () => {
  test.each<[string, Sent[], string[]]>([
    ['when all was taken once and in order', send('m1:taken m2:taken'), ['m1', 'm2']],
    ['when what is in doubt was not taken', send('m1:taken m2:IN_DOUBT'), ['m1']],
    ['when what is in doubt was taken', send('m1:taken m2:IN_DOUBT'), ['m1', 'm2']],
    ['when what is in doubt arrives late', send('m1:IN_DOUBT m2:taken'), ['m2', 'm1']],
    ['when what was refused was not taken', send('m1:full m2:taken m3:closed'), ['m2']],
  ])('%s', (_, sent, taken) => {
    expect(upwardViolations(sent, taken)).toEqual([])
  })

  test('whatever others sent', () => {
    expect(upwardViolations(send('m1:taken'), ['x1', 'm1', 'x1'], data => data.startsWith('m'))).toEqual([])
  })
})

describe('sending is not clean', () => {
  test.each<[string, Sent[], string[], string[]]>([
    ['when what was acknowledged was never taken', send('m1:taken m2:taken'), ['m1'], ['missing m2']],
    ['when it was taken twice', send('m1:taken m2:taken'), ['m1', 'm2', 'm1'], ['twice m1', 'order m1']],
    ['when what is in doubt was taken twice', send('m1:IN_DOUBT'), ['m1', 'm1'], ['twice m1']],
    ['when what was refused was taken', send('m1:expired'), ['m1'], ['wrongly taken m1']],
    ['when two were taken in another order', send('m1:taken m2:taken'), ['m2', 'm1'], ['order m1']],
    ['when one was never settled', [{ data: 'm1' }], ['m1'], ['pending m1']],
    ['when something was taken that nobody sent', send('m1:taken'), ['m1', 'x'], ['unknown x']],
  ])('%s', (_, sent, taken, expected) => {
    expect(upwardViolations(sent, taken).map(inWords)).toEqual(expected)
  })
})

/** `a2` is that message, `>a.4.t` a gap up to that position. */
function hear(script: string): Heard[] {
  return script
    .split(' ')
    .map(word =>
      word.startsWith('>')
        ? { type: 'gap', to: word.slice(1) }
        : { type: 'message', id: `${word[0]}.${word.slice(1)}.t`, data: word },
    )
}

function send(script: string): Sent[] {
  return script.split(' ').map(word => {
    const [data = '', outcome] = word.split(':')
    return { data, outcome }
  })
}

function inWords({ kind, what }: { kind: string; what: string }): string {
  return `${kind} ${what}`
}
