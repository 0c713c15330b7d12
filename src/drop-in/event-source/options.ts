/** Options of `new EventSource()`. All but `withCredentials` are event-source-polyfill's. */
export interface EventSourceOptions {
  /**
   * Whether cookies go along to other origins.
   * @default false
   */
  withCredentials?: boolean
  /** They go along with each request. Another origin has to allow them, and `Last-Event-ID` with them. */
  headers?: Readonly<Record<string, string>>
  /**
   * How long nothing may come before it is asked again, in ms. Comments are something.
   * @default Infinity
   */
  heartbeatTimeout?: number
  /**
   * The parameter of the address that has the last id in place of the header `Last-Event-ID`, for servers of other origins that do not allow the header.
   * @default none
   */
  lastEventIdQueryParameterName?: string
  /** Taken, and without effect: it is read by `fetch`, or by XMLHttpRequest where `fetch` brings no streams. */
  Transport?: unknown
}
