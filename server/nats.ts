/**
 * A log in NATS JetStream, for hubs that share it. It needs the packages `@nats-io/jetstream` and `@nats-io/transport-node`.
 *
 * @module throughline/server/nats
 */

export { type NatsLog, type NatsLogOptions, natsLog } from './log/nats-log.ts'
