export type { AnyLine, LineSnapshot } from './line.ts'
export type {
  InitialMessage,
  Message,
  MessagesOf,
  MessagesOptions,
  MessagesSnapshot,
} from './messages.ts'
export type { LineOptions } from './options.ts'
export type { PresenceSnapshot } from './presence.ts'
export type { StreamOptions, StreamSnapshot, StreamStatus } from './stream.ts'
export type {
  HeardIn,
  Hearing,
  Listeners,
  SubscriptionOptions,
  SubscriptionSnapshot,
  TopicSnapshot,
} from './topic.ts'
