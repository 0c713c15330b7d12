import { setTimeout as sleep } from 'node:timers/promises'

/** What stands at the beginning of an answer: what was asked, and how many tokens follow. */
export interface Opening {
  readonly question: string
  readonly tokens: number
}

/** Waits before a token is given. Rejects when the signal is aborted. */
export type Pace = (token: number, signal: AbortSignal) => Promise<unknown>

/** Twenty tokens a second, as models speak. */
export const usualPace: Pace = (_, signal) => sleep(50, undefined, { signal })

const sentences = [
  'What matters is how the words travel.',
  'Each of them is published in a topic, and has a position there.',
  'A page that is cut off says which position it heard last, and is told what follows.',
  '강물은 돌을 만나도 흐름을 멈추지 않습니다 🌊.',
  '끊어진 자리에서 다시 이어 읽습니다.',
  'So a tunnel, a lift or the Wi-Fi of a hotel costs a moment and not a word 🚇.',
  'A reload is only a longer cut 🔁.',
  'A second tab reads the same words, since the question was asked once 👀.',
  '천 리 길도 한 걸음부터, 긴 대답도 한 낱말부터입니다.',
  'Nobody has to ask the model twice, and nobody pays for it twice.',
  'The transport is whatever gets through just now.',
]

const last = '끝까지 읽어 주셔서 고맙습니다 🙏.'

/** Stands in for a language model: gives an answer of 60 to 150 tokens, always the same one to the same question. */
export function tokensFor(question: string): string[] {
  const quoted = [...question.replace(/\s+/g, ' ')].slice(0, 60).join('')
  const first = `You ask “${quoted}”. A list of sentences answers here, and no model 🤖.`
  const text = [first, ...choose(sentences, 6, seedOf(question)), last].join(' ')
  return text.match(/\s?\S{1,6}/gu) ?? []
}

/** Gives the answer piece by piece: its opening, then its tokens at this pace. */
export async function* speak(
  question: string,
  pace: Pace,
  signal: AbortSignal,
): AsyncGenerator<Opening | string> {
  const tokens = tokensFor(question)
  yield { question, tokens: tokens.length }
  for (const [n, token] of tokens.entries()) {
    await pace(n, signal)
    yield token
  }
}

/** So many of the list, in an order that the seed says. */
function choose(list: readonly string[], count: number, seed: number): string[] {
  const left = [...list]
  let state = seed
  return Array.from({ length: count }, () => {
    // The constants are those of Numerical Recipes.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return left.splice(Math.floor((state / 2 ** 32) * left.length), 1)[0] as string
  })
}

function seedOf(text: string): number {
  let seed = 0
  for (const letter of text) seed = (Math.imul(seed, 31) + (letter.codePointAt(0) ?? 0)) >>> 0
  return seed
}
