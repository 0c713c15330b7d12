/**
 * The server for Node: a hub that answers every transport at one URL.
 *
 * @module throughline/server
 */
export type { AnyServer } from './attach.ts'
export type { Listener } from './events.ts'
export { createHub, type Hub, type Stats } from './hub.ts'
export type { Entry, Gap, GapReason, History, Log, LogListener, Packed } from './log/log.ts'
export { type MemoryLogOptions, memoryLog } from './log/memory-log.ts'
export { type RedisLog, type RedisLogOptions, redisLog } from './log/redis-log.ts'
export type {
  Authorize,
  AuthorizeRequest,
  HubOptions,
  Limits,
  Maybe,
  Rights,
  TransportName,
} from './options.ts'
export type { HubEvents, Refused } from './sessions/inbox.ts'
export type { Payload, Send, Session } from './sessions/session.ts'
