import { expect, it } from 'vitest'
import { createBatches } from '../../server/log/batches.ts'

/** Answers when it is told to, each item by itself. */
function started({ most = 3, heaviest = 100 } = {}) {
  const sent: (readonly string[])[] = []
  const answers: { answer(): void; fail(error: Error): void }[] = []
  const batches = createBatches<string, string>({
    send: items =>
      new Promise((resolve, reject) => {
        sent.push(items)
        answers.push({ answer: () => resolve(items.map(item => `${item}!`)), fail: reject })
      }),
    most,
    heaviest,
    weigh: item => item.length,
  })
  return { batches, sent, answers }
}

const endOfTurn = () => new Promise(resolve => setImmediate(resolve))

it('what is asked for alone goes at once', () => {
  const { batches, sent } = started()
  void batches.add('a')
  expect(sent).toEqual([['a']])
})

it('what is asked for in one turn while something is on its way goes together, in order, and each has its own answer', async () => {
  const { batches, sent, answers } = started()
  const all = ['a', 'b', 'c'].map(item => batches.add(item))
  expect(sent).toEqual([['a']])
  await endOfTurn()
  expect(sent).toEqual([['a'], ['b', 'c']])
  // It waits for the end of the turn, and not for an answer.
  all.push(batches.add('d'))
  await endOfTurn()
  expect(sent).toHaveLength(3)
  for (const { answer } of answers) answer()
  expect(await Promise.all(all)).toEqual(['a!', 'b!', 'c!', 'd!'])
  void batches.add('e')
  expect(sent.at(-1)).toEqual(['e'])
})

it('so many go together, and no more than so much, but for one that is larger alone', async () => {
  const { batches, sent } = started({ most: 3, heaviest: 10 })
  for (const item of ['first', 'a', 'b', 'c', 'd', '1234567', '12345', 'x'.repeat(20), 'e'])
    void batches.add(item)
  await endOfTurn()
  expect(sent).toEqual([['first'], ['a', 'b', 'c'], ['d', '1234567'], ['12345'], ['x'.repeat(20)], ['e']])
})

it('what comes after it can have it sent now', async () => {
  const { batches, sent } = started()
  for (const item of ['a', 'b', 'c']) void batches.add(item)
  batches.flush()
  expect(sent).toEqual([['a'], ['b', 'c']])
  batches.flush()
  await endOfTurn()
  expect(sent).toHaveLength(2)
})

it('what fails fails for all that went together, and for nobody else', async () => {
  const { batches, answers } = started()
  const all = ['a', 'b', 'c'].map(item => batches.add(item).catch(error => error.message))
  await endOfTurn()
  answers[1]?.fail(new Error('no room'))
  answers[0]?.answer()
  expect(await Promise.all(all)).toEqual(['a!', 'no room', 'no room'])
})
