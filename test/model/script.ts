import fc from 'fast-check'
import type { Via, Weather } from './network.ts'

/** What happens to a line, as plain data: a failing run shrinks to one that can be read, and pasted into a regression test. */
export interface Script {
  readonly transports: readonly Exclude<Via, 'post'>[]
  readonly eager: boolean
  readonly seed: number
  /** The names of the topics that come and go, of this length; absent for a line without subscriptions. */
  readonly topics?: number
  readonly steps: readonly Step[]
}

/** One deed, and how long the world goes on before the next, in ms. */
export type Step = readonly [deed: Deed, then: number]

export type Deed =
  /** A topic by its number: the last ones are refused. With so many of its last messages. */
  | { subscribe: number; history?: number | undefined }
  /** A subscription that is open, the oldest being 0. */
  | { unsubscribe: number }
  /** Ends one and makes one to the same topic at once: after what it heard last, with so many of its last messages, or with what is new. */
  | { renew: number; from?: 'last' | number | undefined }
  | { publish: number }
  | { send: number; size?: number }
  /** A connection, the newest being 0. */
  | { cut: 'clean' | 'dirty' | 'halfway'; which: number }
  | { stall: number; which: number }
  | { mute: number }
  | 'cut all'
  | 'mute all'
  /** Everybody is cut off, and more is published than the log keeps. */
  | 'trim'
  | { restart: 'same' | 'new'; away: number }
  | 'forget sessions'
  | 'farewell'
  | { weather: Weather | 'fair'; on: Via }
  | 'fair weather'
  | { posts: 'repliesLost' | 'lost' | 'doubled'; count: number }
  | { latency: number; jitter: number }
  | { work: number }
  | { outage: boolean }
  | { sleep: number; published: number }
  | { throttle: boolean }
  | 'park'
  | 'wake'
  | 'online'

const vias = ['websocket', 'eventsource', 'xhr-streaming', 'long-polling', 'jsonp'] as const
const which = fc.nat(2)

/** How many topics there are beside the lobby, which everybody hears; of the last two the server wants to know nothing. */
export const topicCount = 10

const deed: fc.Arbitrary<Deed> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ publish: fc.integer({ min: 1, max: 12 }) }) },
  { weight: 6, arbitrary: fc.record({ send: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 1, arbitrary: fc.record({ send: fc.constant(1), size: fc.constantFrom(250, 290, 320) }) },
  {
    weight: 4,
    arbitrary: fc.record({ cut: fc.constantFrom('clean', 'dirty', 'halfway'), which }),
  },
  { weight: 2, arbitrary: fc.record({ stall: fc.constantFrom(300, 3_000, 40_000), which }) },
  { weight: 1, arbitrary: fc.record({ mute: which }) },
  { weight: 2, arbitrary: fc.constant('cut all') },
  { weight: 1, arbitrary: fc.constant('mute all') },
  { weight: 1, arbitrary: fc.constant('trim') },
  {
    weight: 1,
    arbitrary: fc.record({ restart: fc.constantFrom('same', 'new'), away: fc.constantFrom(0, 200, 10_000) }),
  },
  { weight: 1, arbitrary: fc.constant('forget sessions') },
  { weight: 1, arbitrary: fc.constant('farewell') },
  {
    weight: 3,
    arbitrary: fc.record({
      weather: fc.constantFrom('refused', 'swallowed', 'buffered', 'deaf', 'fair'),
      on: fc.constantFrom(...vias, 'post'),
    }),
  },
  { weight: 1, arbitrary: fc.constant('fair weather') },
  {
    weight: 3,
    arbitrary: fc.record({
      posts: fc.constantFrom('repliesLost', 'lost', 'doubled'),
      count: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      latency: fc.constantFrom(0, 20, 250, 4_000),
      jitter: fc.constantFrom(0, 100, 4_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ work: fc.constantFrom(0, 50, 3_000) }) },
  { weight: 1, arbitrary: fc.record({ outage: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({ sleep: fc.constantFrom(40_000, 28_800_000), published: fc.nat(12) }),
  },
  { weight: 1, arbitrary: fc.record({ throttle: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant('park') },
  { weight: 2, arbitrary: fc.constant('wake') },
  { weight: 1, arbitrary: fc.constant('online') },
)

const pause = fc.constantFrom(0, 0, 1, 10, 100, 350, 1_000, 5_000, 30_000, 130_000)

export const script: fc.Arbitrary<Script> = fc.record({
  transports: fc.subarray([...vias], { minLength: 1 }),
  eager: fc.boolean(),
  seed: fc.nat(10_000),
  steps: fc.array(fc.tuple(deed, pause), { maxLength: 25, size: 'max' }),
})

const change: fc.Arbitrary<Deed> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      subscribe: fc.nat(topicCount - 1),
      history: fc.option(fc.nat(12), { nil: undefined }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ unsubscribe: fc.nat(5) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      renew: fc.nat(5),
      from: fc.option(fc.oneof(fc.constant('last' as const), fc.nat(12)), { nil: undefined }),
    }),
  },
)

/** The same with topics that come and go: in short names an address holds all of them, in long ones it does not. */
export const scriptWithTopics: fc.Arbitrary<Script> = fc.record({
  transports: fc.subarray([...vias], { minLength: 1 }),
  eager: fc.boolean(),
  seed: fc.nat(10_000),
  topics: fc.constantFrom(8, 230),
  steps: fc.array(
    fc.tuple(fc.oneof({ weight: 2, arbitrary: change }, { weight: 3, arbitrary: deed }), pause),
    { maxLength: 40, size: 'max' },
  ),
})
