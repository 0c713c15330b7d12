/**
 * Every type that a page, a transport, a dialect or a codec of one's own may want to name. `throughline` and `throughline/core` both
 * export all of them.
 *
 * @module types
 */

export type {
  GapEvent,
  LineCloseEvent,
  LineErrorEvent,
  LineEventMap,
  OpenEvent,
  StateChangeEvent,
} from './connection/events.ts'
export type { LineOf } from './connection/line.ts'
export type { Finding } from './connection/report.ts'
export type { SendOptions } from './connection/send-options.ts'
export type { LineState } from './connection/state.ts'
export type { TokenGiven } from './connection/token.ts'
export type { TraceContent, TraceEntry, TraceEvent } from './connection/trace.ts'
export type {
  Addressing,
  Ask,
  CreateLongQuery,
  Dialect,
  FetchTicket,
  Framing,
  Head,
  Incoming,
  LongQuery,
  Policy,
  Position,
  Proof,
  Protocol,
  Reader,
  ReplayFilter,
  Request,
  RequestContext,
  RequestDetails,
  Sending,
  Via,
} from './contracts/dialect.ts'
export type { SendKind } from './contracts/errors.ts'
export type { Failure, FailureKind, TransportName, UsualTransport } from './contracts/failure.ts'
export type { Content, Frame, Gap, Hello, HelloFrame, JsonText } from './contracts/frame.ts'
export type {
  AnswerOf,
  AskName,
  Contract,
  DataOf,
  HeardBy,
  IfGiven,
  MessagesIn,
  NoAnswer,
  Only,
  SendName,
  SendsOf,
  TopicOf,
  UsualName,
} from './contracts/messages.ts'
export type { CreateOutbox, Limits, Outbox, OutboxWire, Outgoing } from './contracts/outbox.ts'
export type { People, Person, PresenceEvent } from './contracts/presence.ts'
export type { Done, Send } from './contracts/send.ts'
export type {
  HistoryOptions,
  HistoryPage,
  MessageIn,
  SubscribedEvent,
  SubscribeOptions,
  Subscription,
  SubscriptionErrorEvent,
  SubscriptionEventMap,
  SubscriptionState,
  SubscriptionTo,
  TopicGapEvent,
} from './contracts/subscription.ts'
export type {
  CreateTopics,
  TopicBlock,
  TopicPlace,
  TopicReader,
  TopicServer,
  Topics,
} from './contracts/topics.ts'
export type { Traits, TransportKind } from './contracts/traits.ts'
export type {
  Attempt,
  Channel,
  GuardedSink,
  Log,
  Race,
  Receiver,
  Requester,
  Route,
  Sink,
  Target,
  Transport,
} from './contracts/transport.ts'
export type { Waiting } from './contracts/waiting.ts'
export type { Environment, StorageArea } from './environment.ts'
export type {
  AnyDocument,
  AnyEvent,
  AnyListener,
  AnyLocks,
  AnySignal,
  AnyURL,
  ChannelClass,
  Fetch,
  Handler,
  LineMessage,
  ListenerOptions,
  MessageOf,
  RequestClass,
  SocketClass,
  SourceClass,
} from './here.ts'
export type { AnyOptions, CoreOptions, LineLimits, Options } from './setup/options.ts'
export type { HeaderPairs, Pairs, Parameters, Plain } from './setup/pairs.ts'
export type { Block } from './wire/block.ts'
export type { Codec, Payload } from './wire/codec.ts'
export type { BlockSink, Parser, ParserOptions } from './wire/parser.ts'
