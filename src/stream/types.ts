export type { TargetClass } from '../here.ts'
export type {
  Pieces,
  StreamErrorEvent,
  StreamMessageEvent,
  StreamOpenEvent,
  StreamTiming,
} from './answer.ts'
export type { StreamEvent } from './event.ts'
export type { Ending } from './life.ts'
export type { AnswerOptions } from './request.ts'
export type { Resumption, StreamHeaders } from './resumption.ts'
