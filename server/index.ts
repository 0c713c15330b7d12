/**
 * The server for Node: a hub that answers every transport at one URL.
 *
 * @module throughline/server
 */

export type {
  AnswerOf,
  Contract,
  DataOf,
  MessagesIn,
  Only,
  RepliesOf,
  SendName,
  SendsOf,
  TopicOf,
  UsualName,
} from '../src/contracts/messages.ts'
export type { AnyServer } from './attach.ts'
export type { SocketHooks } from './crossws.ts'
export type { Listener } from './events.ts'
export type { FetchInfo } from './fetch/request.ts'
export type { RefusalReason } from './http-error.ts'
export { createHub, type DisconnectOptions, type EventIn, type Hub, type Stats, type Whom } from './hub.ts'
export type {
  Backwards,
  Entry,
  Gap,
  GapReason,
  History,
  Log,
  LogListener,
  Packed,
  Past,
  Registry,
  Spaces,
  Whole,
} from './log/log.ts'
export { type MemoryLogOptions, memoryLog } from './log/memory-log.ts'
export type { PerTopic } from './log/per-topic.ts'
export { type RedisLog, type RedisLogOptions, redisLog } from './log/redis-log.ts'
export type {
  RedisClientOptions,
  RedisCluster,
  RedisNat,
  RedisNode,
  RedisSentinel,
  RedisSocketOptions,
} from './log/redis-options.ts'
export { type SpreadLog, spreadLog } from './log/spread-log.ts'
export type { Metric, Sample } from './operation/exposition.ts'
export type { Buckets } from './operation/histogram.ts'
export type { Probe, UnreadyReason } from './operation/probes.ts'
export type { CloseReason, DoubtCause, HubRecord } from './operation/record.ts'
export type {
  Authorize,
  AuthorizeRequest,
  HubOptions,
  Limits,
  Maybe,
  MaySubscribe,
  Rights,
  TransportName,
} from './options.ts'
export type { Person } from './presence/presence.ts'
export type { ProduceOptions } from './produce/plan.ts'
export type { Production, ProductionEnd, ProductionError } from './produce/production.ts'
export type { Pieces, Source } from './produce/source.ts'
export { createPublishEndpoint, type PublishEndpointOptions } from './publish-endpoint.ts'
export type { Answering, HubEvents, MessageFrom, Refused } from './sessions/inbox.ts'
export type { Payload, ReplyName, Send, Session } from './sessions/session.ts'
export type { SocketPeer } from './transports/peer.ts'
