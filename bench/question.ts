import type { Bar } from './report/findings.ts'

/** What `npm run bench` can ask, and what it makes of the answer. `Answer` is plain JSON, kept between runs. */
export interface Question<Answer = unknown> {
  readonly name: string
  readonly title: string
  /** Measures. Prints its tables as it goes. */
  ask(effort: Effort): Promise<Answer>
  /** The section of the page in Markdown, and the charts it shows by file name. */
  present(answer: Answer): Section
}

export interface Section {
  readonly markdown: string
  readonly charts: Readonly<Record<string, string>>
  /** What it asks of Throughline, and what came of that. */
  readonly bars: readonly Bar[]
}

export interface Effort {
  /** Few rounds, to see whether it works; the figures mean little. */
  readonly quick: boolean
  /** Measures only what has this in its name. */
  readonly part: string
}

/** What the figures were measured on. */
export interface Machine {
  readonly cores: number
  readonly node: string
  readonly browser: string
}
