/**
 * Classes and functions that stand in for others by their names.
 *
 * @module throughline/drop-in
 */
export { EventSourceError } from './drop-in/event-source/failure.ts'
export { EventSource } from './drop-in/event-source.ts'
export { EventStreamContentType, fetchEventSource } from './drop-in/fetch-event-source.ts'
export { SockJS } from './drop-in/sockjs.ts'
export type * from './drop-in/types.ts'
export { WebSocket } from './drop-in/web-socket.ts'
