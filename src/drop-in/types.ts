export type {
  AnyBlob,
  AnyMessageEvent,
  AnyResponse,
  FetchFunction,
  RequestTarget,
  TargetClass,
} from '../here.ts'
export type { Resumption, StreamHeaders } from '../stream/resumption.ts'
export type { EventSourceOptions } from './event-source/options.ts'
export type {
  EventSourceClass,
  EventSourceErrorEvent,
  EventSourceEvents,
  EventSourceHandler,
  EventSourceMessageEvent,
  EventSourceOpenEvent,
} from './event-source.ts'
export type { EventSourceMessage, FetchEventSourceInit } from './fetch-event-source/options.ts'
export type { SocketData } from './socket-run.ts'
export type {
  SocketCloseEvent,
  SocketErrorEvent,
  SocketEventMap,
  SocketStates,
  SocketTarget,
} from './socket-target.ts'
export type { SockJSClass, SockJSClientOptions, SockJSEventMap } from './sockjs.ts'
export type { WebSocketClass, WebSocketOptions } from './web-socket.ts'
